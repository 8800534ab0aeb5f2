package preflight

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/turquoise-db/turquoise/engines"
)

// Side says on which side of a cutover a check is asked.
type Side int

// The sides.
const (
	Both Side = iota
	From      // the side that has the writes
	To        // the side that gets them
)

// Need is what must be there before a check can say anything, a set of bits that
// each engine names. A check that looks without it would find nothing, and nothing
// found reads as a pass.
type Need int

// Answer is what a check found. Next replaces the check's own next move.
type Answer struct {
	Level engines.Level
	Is    string
	Next  string
}

// Look is one inspection of one side of an engine.
type Look interface {
	// Ready reports whether what a check needs is there, and if not, what that means.
	// since is the first major version that knows what is asked for; 0 is all.
	Ready(n Need, since int) (Answer, bool)
	// Say puts the names of this side into a sentence.
	Say(sentence string) string
	// Mend is the next move that an error of a question asks for; "" if none.
	Mend(err error) string
}

// Check is one question. Its text speaks to the operator, with the names that
// Look.Say knows in braces: Cause is why a failure matters, Next what to do.
type Check[K Look] struct {
	ID, Title string
	On        Side
	Needs     Need
	Since     int           // first major version that knows it; 0 is all
	Waive     engines.Waive // who may go on against it; without one it can only be mended
	Want      string
	Cause     string
	Next      string
	Ask       func(ctx context.Context, k K) (Answer, error)
}

// Inspect asks every check of this side, in the order of the table. One that cannot
// look is blind, and blind is not passed; one that has nothing to look at yet says
// so. broken is why the side cannot be asked at all.
func Inspect[K Look](ctx context.Context, in engines.Scope, k K, broken error, table []Check[K]) []engines.Finding {
	var out []engines.Finding
	for _, c := range table {
		if c.On == From && in.On != in.From || c.On == To && in.On != in.To {
			continue
		}
		f := c.finding(ctx, k, broken)
		f.Target = in.On
		if f.Level == engines.Block || f.Level == engines.Blind {
			f.Waive = c.Waive
		}
		out = append(out, f)
	}
	return out
}

func (c Check[K]) finding(ctx context.Context, k K, broken error) engines.Finding {
	f := engines.Finding{ID: c.ID, Title: k.Say(c.Title), Want: k.Say(c.Want), Cause: k.Say(c.Cause), Next: k.Say(c.Next)}
	a, err := Answer{}, broken
	if err == nil {
		var ready bool
		if a, ready = k.Ready(c.Needs, c.Since); ready {
			a, err = c.Ask(ctx, k)
		}
	}
	if err != nil {
		// What could not be asked has no verdict, whatever was found before.
		a = Answer{engines.Blind, err.Error(), k.Mend(err)}
		if e := (*engines.Error)(nil); a.Next == "" && errors.As(err, &e) {
			a.Next = e.Next
		}
	}
	f.Level, f.Is = a.Level, engines.Clean(k.Say(a.Is))
	if a.Next != "" {
		f.Next = engines.Clean(k.Say(a.Next)) // it may name what a server called itself
	}
	return f
}

// Says is an answer with its own next move; "" leaves the check's.
func Says(l engines.Level, is, next string) Answer { return Answer{l, is, next} }

// Blind is the answer of a check that lacks a right or a peer.
func Blind(is, next string) (Answer, bool) { return Answer{engines.Blind, is, next}, false }

// Later is the answer of a check that has nothing to look at yet.
func Later(is string) (Answer, bool) { return Answer{Level: engines.Info, Is: is}, false }

// Passed is an answer that needs no more words.
func Passed(is string) (Answer, error) { return Answer{Level: engines.Pass, Is: is}, nil }

// Found passes if there is nothing, else it names what there is.
func Found(l engines.Level, names []string) Answer {
	if len(names) == 0 {
		l = engines.Pass
	}
	return Answer{Level: l, Is: Few(names)}
}

// Few counts names and shows the first of them.
func Few(names []string) string {
	const most = 4
	n := strconv.Itoa(len(names))
	switch {
	case len(names) == 0:
		return n
	case len(names) <= most:
		return n + ": " + strings.Join(names, ", ")
	}
	return n + ": " + strings.Join(names[:most], ", ") + " and " + strconv.Itoa(len(names)-most) + " more"
}

// Other is the side that an inspection of one side looks across at.
func Other(in engines.Scope) engines.TargetID {
	if in.On == in.To {
		return in.From
	}
	return in.To
}
