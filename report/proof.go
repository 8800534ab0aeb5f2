package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/turquoise-db/turquoise/audit/entries"
)

// The kinds of checks that the first page asks about.
const (
	kindPreflight = "preflight"
	kindGate      = "gate"
	kindProof     = "proof"
)

// DataProof is what the record holds on the question whether all data came over.
// Each line is a sentence; what was not done is said, not left out.
type DataProof struct {
	Rows      string  `json:"rows"`
	Sequences string  `json:"sequences"`
	Lag       string  `json:"lag"` // before the freeze
	Checks    []Tally `json:"checks"`
	Cautions  []Check `json:"cautions"` // of the preflight, newest answer of each
}

// Tally counts the checks of one kind by their answers.
type Tally struct {
	Kind     string `json:"kind"`
	Passed   int    `json:"passed"`
	Cautions int    `json:"cautions"`
	Failed   int    `json:"failed"`
	Unknown  int    `json:"unknown"`
}

func (n *Night) dataProof(all map[int64]Check) DataProof {
	d := DataProof{Rows: n.rowsProved(), Sequences: "nothing about sequences was asked", Lag: "no reading"}
	newest := map[string]Check{}
	var order []string
	for _, l := range n.Entries {
		c, ok := all[l.Seq]
		if !ok {
			continue
		}
		d.count(c)
		if c.Kind == kindProof && strings.Contains(strings.ToLower(c.CheckResult.Check), "sequence") {
			d.Sequences = fmt.Sprintf("%s: %s (%s, entry %d)", c.CheckResult.Check, dash(c.Is), c.Verdict(), c.Seq)
		}
		if c.Kind == kindGate && strings.HasSuffix(c.CheckResult.Check, "lag_seconds") && (n.Freeze.Since.IsZero() || l.Time.Before(n.Freeze.Since)) {
			d.Lag = fmt.Sprintf("%s at the last gate before the freeze (entry %d)", dash(c.Is), c.Seq)
		}
		if c.Kind == kindPreflight {
			key := c.CheckResult.Check + " " + c.Target
			if _, seen := newest[key]; !seen {
				order = append(order, key)
			}
			newest[key] = c
		}
	}
	for _, key := range order {
		if newest[key].Verdict() == verdictCaution {
			d.Cautions = append(d.Cautions, newest[key])
		}
	}
	return d
}

func (d *DataProof) count(c Check) {
	i := slices.IndexFunc(d.Checks, func(t Tally) bool { return t.Kind == c.Kind })
	if i < 0 {
		i = len(d.Checks)
		d.Checks = append(d.Checks, Tally{Kind: c.Kind})
	}
	t := &d.Checks[i]
	switch c.Verdict() {
	case verdictPass:
		t.Passed++
	case verdictCaution:
		t.Passed, t.Cautions = t.Passed+1, t.Cautions+1
	case verdictFail:
		t.Failed++
	default:
		t.Unknown++
	}
}

// Asked reports whether any check of a kind was answered.
func (d DataProof) Asked(kind string) bool {
	return slices.ContainsFunc(d.Checks, func(t Tally) bool { return t.Kind == kind })
}

// Name is the kind as people call it.
func (t Tally) Name() string {
	if name, ok := map[string]string{kindPreflight: "Preflight", kindGate: "Gates", kindProof: "Proofs", "after": "Afterwards", "only": "Conditions", "watch": "Safeguards"}[t.Kind]; ok {
		return name
	}
	return t.Kind
}

// Text is the tally in words, the odd ones only if there are any.
func (t Tally) Text() string {
	s := fmt.Sprintf("%d passed", t.Passed)
	for _, x := range []struct {
		n    int
		what string
	}{{t.Cautions, "of them with a caution"}, {t.Failed, "failed"}, {t.Unknown, "could not be answered"}} {
		if x.n > 0 {
			s += fmt.Sprintf(", %d %s", x.n, x.what)
		}
	}
	return s
}

// rowsProved says what the comparison of the rows proved, from what it left in
// the record.
func (n *Night) rowsProved() string {
	vars := map[string]string{}
	at := map[string]int64{}
	for _, l := range n.Entries {
		if v, ok := l.Body.(entries.VarCaptured); ok {
			vars[v.Name], at[v.Name] = v.Value, l.Seq
		}
	}
	if said := proven(vars, at, ""); said != "" {
		if back := proven(vars, at, "_back"); back != "" {
			said += "; on the way back " + back
		}
		return said
	}
	if rows := vars["compared_rows"]; rows != "" {
		return fmt.Sprintf("%s rows in %s tables compared before the window (entry %d); nothing was proven at the freeze",
			grouped(rows), dash(vars["compared_tables"]), at["compared_rows"])
	}
	for _, p := range n.Params {
		if p.Name == "verify" && p.Value != nil && *p.Value == "none" {
			return "NOT COMPARED: parameter verify is none"
		}
	}
	return "NOT COMPARED in this session"
}

// proven says what was proven in a window, there or back; empty if nothing was.
func proven(vars map[string]string, at map[string]int64, suffix string) string {
	rows := vars["verified_rows"+suffix]
	if rows == "" {
		return ""
	}
	s := fmt.Sprintf("every row of %s tables proven equal at the freeze: %s rows compared before the window", dash(vars["verified_tables"+suffix]), grouped(rows))
	if since := vars["verified_since"+suffix]; since != "" {
		s += ", " + since
	}
	if ms, err := strconv.ParseInt(vars["verify_ms"+suffix], 10, 64); err == nil {
		s += "; the proof took " + span(time.Duration(ms)*time.Millisecond) + " of the freeze"
	}
	if left := vars["verified_except"+suffix]; left != "" && left != "nothing" {
		s += "; NOT COMPARED: " + left
	}
	return s + fmt.Sprintf(" (entry %d)", at["verified_rows"+suffix])
}

// grouped writes a count with blanks between thousands.
func grouped(s string) string {
	v, err := strconv.ParseInt(s, 10, 64)
	if err != nil || v < 0 {
		return s
	}
	var parts []string
	for ; v >= 1000; v /= 1000 {
		parts = append(parts, fmt.Sprintf("%03d", v%1000))
	}
	parts = append(parts, fmt.Sprint(v))
	slices.Reverse(parts)
	return strings.Join(parts, " ")
}
