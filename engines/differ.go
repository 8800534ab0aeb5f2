package engines

import (
	"slices"
	"strings"
)

// Difference is one named thing that two sides do not have alike.
type Difference struct {
	Name, Here, There   string
	OnlyHere, OnlyThere bool
}

// Differences of what both sides have, by name.
func Differences(here, there map[string]string) []Difference {
	var out []Difference
	for name, h := range here {
		if t, ok := there[name]; !ok || h != t {
			out = append(out, Difference{Name: name, Here: h, There: t, OnlyHere: !ok})
		}
	}
	for name, t := range there {
		if _, ok := here[name]; !ok {
			out = append(out, Difference{Name: name, There: t, OnlyThere: true})
		}
	}
	slices.SortFunc(out, func(a, b Difference) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// Tell says it in the words of a finding.
func (d Difference) Tell(here, there TargetID) string {
	switch {
	case d.OnlyHere:
		return d.Name + " is on " + string(here) + " only"
	case d.OnlyThere:
		return d.Name + " is on " + string(there) + " only"
	}
	return d.Name + " is " + d.There + " on " + string(there) + ", " + d.Here + " on " + string(here)
}
