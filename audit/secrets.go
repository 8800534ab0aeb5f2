package audit

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// minSecret: shorter values would hit by chance in every other line.
const minSecret = 6

// secret is a value in all the spellings that reach a log in practice.
type secret struct {
	slot  string
	forms []string
}

func newSecret(slot, value string) secret {
	quoted, _ := canonical(value)
	plain, _ := json.Marshal(value) // with <, > and & escaped, as other programs do
	forms := []string{
		value, strings.Trim(string(quoted), `"`), strings.Trim(string(plain), `"`),
		url.QueryEscape(value), url.PathEscape(value),
		base64.StdEncoding.EncodeToString([]byte(value)), base64.RawStdEncoding.EncodeToString([]byte(value)),
		base64.URLEncoding.EncodeToString([]byte(value)), base64.RawURLEncoding.EncodeToString([]byte(value)),
	}
	slices.Sort(forms)
	forms = slices.Compact(forms)
	// The longest first, so that a withheld string leaves no padding behind.
	slices.SortStableFunc(forms, func(a, b string) int { return len(b) - len(a) })
	return secret{slot: slot, forms: forms}
}

func (s secret) in(text []byte) bool {
	return slices.ContainsFunc(s.forms, func(f string) bool { return bytes.Contains(text, []byte(f)) })
}

// Know adds a secret that became known after the log was opened. Values shorter
// than six bytes are not searched for.
func (l *Log) Know(slot, value string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.know(slot, value)
}

func (l *Log) know(slot, value string) {
	if len(value) >= minSecret {
		l.secrets = append(l.secrets, newSecret(slot, value))
	}
}

// scan is the last line of defence: secrets should never come this far. What the
// cockpit wrote itself is refused whole; of what a server said, the string that
// holds the secret is withheld, for its answer must not be lost.
func (l *Log) scan(e *Entry, text []byte, row Type) ([]byte, error) {
	hit := slices.IndexFunc(l.secrets, func(s secret) bool { return s.in(text) })
	if hit < 0 {
		return text, nil
	}
	refused := &Error{Op: "append to record", Object: e.Type,
		Err:  fmt.Errorf("%w: %s", ErrSecret, l.secrets[hit].slot),
		Next: "write ${secret:" + l.secrets[hit].slot + "} where the value stands"}
	if !row.Answer {
		return nil, refused
	}
	var body any
	if err := strictDecode(e.Body, &body); err != nil {
		return nil, err
	}
	body, _ = l.withhold(body)
	raw, err := canonical(body)
	if err != nil {
		return nil, err
	}
	clean, err := l.o.Types.decode(e.Type, raw)
	if err != nil {
		return nil, refused // the secret was a key or a number: nothing to put in its place
	}
	if e.Body, err = canonical(clean); err != nil {
		return nil, err
	}
	if text, err = e.encode(l.o.Types); err != nil {
		return nil, err
	}
	for _, s := range l.secrets {
		if s.in(text) {
			return nil, refused
		}
	}
	return text, nil
}

// withhold replaces whole strings: what stands around a secret is often the rest
// of a connection string. It says so in the nearest `masked`.
func (l *Log) withhold(v any) (any, bool) {
	switch v := v.(type) {
	case string:
		raw, _ := canonical(v)
		for _, s := range l.secrets {
			if s.in([]byte(v)) || s.in(raw) {
				return "[withheld: contains secret " + s.slot + "]", true
			}
		}
	case []any:
		hit := false
		for i := range v {
			var h bool
			v[i], h = l.withhold(v[i])
			hit = hit || h
		}
		return v, hit
	case map[string]any:
		hit := false
		for k := range v {
			var h bool
			v[k], h = l.withhold(v[k])
			hit = hit || h
		}
		if _, ok := v["masked"]; ok && hit {
			v["masked"] = true
		}
		return v, hit
	}
	return v, false
}
