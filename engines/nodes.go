package engines

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Each asks every node of a router at once. Where there are several, an error
// says which of them failed.
func Each[A, B any](nodes []A, ask func(int, A) (B, error)) ([]B, error) {
	out, errs := make([]B, len(nodes)), make([]error, len(nodes))
	done := make(chan int)
	for i, n := range nodes {
		go func() { out[i], errs[i] = ask(i, n); done <- i }()
	}
	for range nodes {
		<-done
	}
	if len(nodes) > 1 {
		for i, err := range errs {
			if err != nil {
				errs[i] = fmt.Errorf("%v: %w", nodes[i], err)
			}
		}
	}
	return out, errors.Join(errs...)
}

// Agreed is the answer of all nodes, or each one's own if they differ.
func Agreed[N any](nodes []N, answers []string) string {
	if len(slices.Compact(slices.Clone(answers))) == 1 {
		return answers[0]
	}
	out := make([]string, len(answers))
	for i, a := range answers {
		out[i] = fmt.Sprintf("%v: %s", nodes[i], a)
	}
	return strings.Join(out, "; ")
}

// Row is an answer of one row, a value for each column.
func Row(columns []string, values ...string) Result {
	r := Result{Columns: columns, Rows: [][]*string{nil}}
	for _, v := range values {
		r.Rows[0] = append(r.Rows[0], &v)
	}
	return r
}

// One is an answer of one value.
func One(column, value string) Result { return Row([]string{column}, value) }
