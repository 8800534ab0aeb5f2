package audit

import (
	"bytes"
	"strconv"
	"unicode/utf8"
)

// scanWire reads the 16 keys of a line that stand exactly as encode writes them,
// without escapes in their values. It is the short way through parseLine: what
// it does not take goes the long way, which also says what is wrong. Body is the
// bytes of the line, unchecked.
func scanWire(line []byte) (wire, bool) {
	s := scanner{rest: line, ok: true}
	var w wire
	s.lit(`{"v":`)
	w.V = s.number()
	s.lit(`,"seq":`)
	w.Seq = s.number()
	s.lit(`,"prev":`)
	w.Prev = s.text()
	s.lit(`,"sid":`)
	w.Sid = s.text()
	s.lit(`,"seg":`)
	w.Seg = s.number()
	s.lit(`,"ts":`)
	w.TS = s.text()
	s.lit(`,"mono":`)
	w.Mono = s.number()
	s.lit(`,"type":`)
	w.Type = s.text()
	s.lit(`,"by":`)
	w.By = s.text()
	s.lit(`,"from":`)
	w.From = s.text()
	s.lit(`,"step":`)
	w.Step = optional(&s, s.text)
	s.lit(`,"attempt":`)
	w.Attempt = optional(&s, s.number)
	s.lit(`,"ref":`)
	w.Ref = optional(&s, s.number)
	s.lit(`,"target":`)
	w.Target = optional(&s, s.text)
	s.lit(`,"ok":`)
	w.OK = optional(&s, s.bool)
	s.lit(`,"body":`)
	n := len(s.rest)
	if !s.ok || n < 3 || s.rest[0] != '{' || s.rest[n-1] != '}' {
		return wire{}, false
	}
	w.Body = bytes.Clone(s.rest[:n-1])
	return w, w.V == Version && utf8.Valid(w.Body) && safeNumbers(w.Body) == nil
}

// scanner takes a line apart from the left. After its first mismatch it stays
// not ok and takes nothing more.
type scanner struct {
	rest []byte
	ok   bool
}

func (s *scanner) lit(text string) {
	if s.ok = s.ok && len(s.rest) >= len(text) && string(s.rest[:len(text)]) == text; s.ok {
		s.rest = s.rest[len(text):]
	}
}

// number takes a plain decimal of at most 15 digits, which is always safe.
func (s *scanner) number() int64 {
	n := 0
	for n < len(s.rest) && s.rest[n] >= '0' && s.rest[n] <= '9' {
		n++
	}
	if s.ok = s.ok && n > 0 && n < 16 && (n == 1 || s.rest[0] != '0'); !s.ok {
		return 0
	}
	v, err := strconv.ParseInt(string(s.rest[:n]), 10, 64)
	s.ok = err == nil
	s.rest = s.rest[n:]
	return v
}

// text takes a string of printable ASCII without escapes.
func (s *scanner) text() string {
	s.lit(`"`)
	if !s.ok {
		return ""
	}
	for i, c := range s.rest {
		if c == '"' {
			v := string(s.rest[:i])
			s.rest = s.rest[i+1:]
			return v
		}
		if c < 0x20 || c > 0x7e || c == '\\' {
			break
		}
	}
	s.ok = false
	return ""
}

func (s *scanner) bool() bool {
	if len(s.rest) > 0 && s.rest[0] == 't' {
		s.lit("true")
		return true
	}
	s.lit("false")
	return false
}

func optional[T any](s *scanner, take func() T) *T {
	if len(s.rest) > 0 && s.rest[0] == 'n' {
		s.lit("null")
		return nil
	}
	v := take()
	return &v
}
