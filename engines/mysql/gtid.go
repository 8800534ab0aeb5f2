package mysql

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// errGTID is a set of transaction ids that cannot be read.
var errGTID = errors.New("not a set of transaction ids")

// span is a run of transaction numbers, both ends in it.
type span struct{ first, last uint64 }

// gtidSet is a set of MySQL's transaction ids: numbers by source, and by source
// and tag where there are tags (8.3 and later), in order and without overlap.
type gtidSet map[string][]span

// parseGTIDs reads "uuid:1-5:8,uuid:tag:1-3". Servers put line feeds behind the
// commas. The empty text is the empty set.
func parseGTIDs(s string) (gtidSet, error) {
	out := gtidSet{}
	s = strings.ToLower(strings.Join(strings.Fields(s), ""))
	if s == "" {
		return out, nil
	}
	for _, part := range strings.Split(s, ",") {
		fields := strings.Split(part, ":")
		if len(fields) < 2 || !isUUID(fields[0]) {
			return nil, errGTID
		}
		key := fields[0]
		for _, f := range fields[1:] {
			if isTag(f) {
				key = fields[0] + ":" + f
				continue
			}
			sp, err := parseSpan(f)
			if err != nil {
				return nil, err
			}
			out[key] = append(out[key], sp)
		}
	}
	for k, spans := range out {
		out[k] = merged(spans)
	}
	return out, nil
}

func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i, r := range s {
		dash := i == 8 || i == 13 || i == 18 || i == 23
		if dash != (r == '-') || !dash && !strings.ContainsRune("0123456789abcdef", r) {
			return false
		}
	}
	return true
}

// isTag reports whether a part is a tag: it begins with a letter or underscore.
func isTag(s string) bool {
	if s == "" || len(s) > 32 || s[0] >= '0' && s[0] <= '9' {
		return false
	}
	return strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789_") == ""
}

func parseSpan(s string) (span, error) {
	a, b, ranged := strings.Cut(s, "-")
	if !ranged {
		b = a
	}
	first, err1 := strconv.ParseUint(a, 10, 63)
	last, err2 := strconv.ParseUint(b, 10, 63)
	if err1 != nil || err2 != nil || first == 0 || last < first {
		return span{}, errGTID
	}
	return span{first, last}, nil
}

// merged puts spans in order and joins those that touch.
func merged(in []span) []span {
	slices.SortFunc(in, func(a, b span) int { return cmp.Compare(a.first, b.first) })
	out := in[:0]
	for _, s := range in {
		if n := len(out); n > 0 && s.first <= out[n-1].last+1 {
			out[n-1].last = max(out[n-1].last, s.last)
			continue
		}
		out = append(out, s)
	}
	return out
}

// minus is what s has and t lacks.
func (s gtidSet) minus(t gtidSet) gtidSet {
	out := gtidSet{}
	for k, spans := range s {
		var left []span
		for _, sp := range spans {
			left = append(left, sp.without(t[k])...)
		}
		if len(left) > 0 {
			out[k] = left
		}
	}
	return out
}

// without cuts spans, in order, out of one.
func (s span) without(cuts []span) []span {
	var out []span
	for _, c := range cuts {
		if c.last < s.first || c.first > s.last {
			continue
		}
		if c.first > s.first {
			out = append(out, span{s.first, c.first - 1})
		}
		if c.last >= s.last {
			return out
		}
		s.first = c.last + 1
	}
	return append(out, s)
}

// count is how many transactions the set names.
func (s gtidSet) count() float64 {
	n := 0.0
	for _, spans := range s {
		for _, sp := range spans {
			n += float64(sp.last-sp.first) + 1
		}
	}
	return n
}

// String prints the set in one line, sources in order.
func (s gtidSet) String() string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(s)) {
		p := k
		for _, sp := range s[k] {
			p += ":" + strconv.FormatUint(sp.first, 10)
			if sp.last > sp.first {
				p += "-" + strconv.FormatUint(sp.last, 10)
			}
		}
		parts = append(parts, p)
	}
	return strings.Join(parts, ",")
}

// mariaSet is how far MariaDB has come in each domain: the newest number there.
type mariaSet map[uint64]uint64

// parseMaria reads "0-21-4711,1-22-5": domain, server, number.
func parseMaria(s string) (mariaSet, error) {
	out := mariaSet{}
	s = strings.Join(strings.Fields(s), "")
	if s == "" {
		return out, nil
	}
	for _, part := range strings.Split(s, ",") {
		f := strings.Split(part, "-")
		if len(f) != 3 {
			return nil, errGTID
		}
		domain, err1 := strconv.ParseUint(f[0], 10, 32)
		_, err2 := strconv.ParseUint(f[1], 10, 32)
		n, err3 := strconv.ParseUint(f[2], 10, 64)
		if err1 != nil || err2 != nil || err3 != nil {
			return nil, errGTID
		}
		out[domain] = max(out[domain], n)
	}
	return out, nil
}
