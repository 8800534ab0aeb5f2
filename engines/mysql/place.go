package mysql

import (
	"strconv"
	"strings"
)

// How a link counts: by transaction ids, or by file and position.
const (
	modeGTID     = "gtid"
	modePosition = "position"
)

// place is where a server stands in the changes of another one or of its own,
// in the coin of its product.
type place struct {
	set   gtidSet  // MySQL with ids
	maria mariaSet // MariaDB with ids
	file  string   // by position
	pos   uint64
}

// parseIDs reads a place by ids.
func parseIDs(maria bool, s string) (p place, err error) {
	if maria {
		p.maria, err = parseMaria(s)
	} else {
		p.set, err = parseGTIDs(s)
	}
	return p, err
}

// parseFile reads a place by file and position.
func parseFile(file, pos string) (place, error) {
	n, err := strconv.ParseUint(pos, 10, 64)
	if err != nil || file == "" || fileNumber(file) < 0 {
		return place{}, errNumber
	}
	return place{file: file, pos: n}, nil
}

// fileNumber is the number of a log file: binlog.000012 is 12; -1 if it has none.
func fileNumber(file string) int {
	i := strings.LastIndexByte(file, '.')
	n, err := strconv.Atoi(file[i+1:])
	if i < 0 || err != nil || n < 0 {
		return -1
	}
	return n
}

// missing is how much of p is not in q: transactions by ids, bytes by position.
// A file more counts as one byte at least: its size is not known.
func (p place) missing(q place) float64 {
	switch {
	case p.maria != nil:
		n := 0.0
		for domain, seq := range p.maria {
			if have := q.maria[domain]; have < seq {
				n += float64(seq - have)
			}
		}
		return n
	case p.set != nil:
		return p.set.minus(q.set).count()
	}
	a, b := fileNumber(p.file), fileNumber(q.file)
	switch {
	case a == b && p.pos > q.pos:
		return float64(p.pos - q.pos)
	case a > b:
		return max(float64(p.pos), 1)
	}
	return 0
}

// in reports whether all of p is in q.
func (p place) in(q place) bool { return p.missing(q) == 0 }

// same reports whether nothing happened between two looks.
func (p place) same(q place) bool { return p.in(q) && q.in(p) }
