package audit

import "errors"

// errOtherLeaf cannot come from an entry as it was read.
var errOtherLeaf = errors.New("the entry was changed after it was read")

// Raw gives the bytes of the line that e was read from, without line feed. There
// is one spelling of every line, so they need not be kept.
func (e Entry) Raw(types Types) ([]byte, error) {
	leaf := e.Leaf
	line, err := e.encode(types)
	if err == nil && e.Leaf != leaf {
		err = errOtherLeaf
	}
	return line, err
}
