package command

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/turquoise-db/turquoise/engines"
)

// taken stands above what is taken of an answer.
const taken = "\n-- of the answer: "

const whereText = "the side that has the traffic, on every node"

// status is what the status command prints.
type status struct {
	Lab   string `json:"lab"` // name of a lab's run; empty on anything else
	Nodes []node `json:"nodes"`
}

type node struct {
	Name  string         `json:"name"`
	Share map[string]int `json:"share"`
	Held  bool           `json:"held"`
}

func parseStatus(b []byte) (status, error) {
	var s status
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return s, fmt.Errorf("status is not the JSON that was agreed: %s", engines.Clean(err.Error()))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return s, errors.New("status printed more than one JSON object")
	}
	if len(s.Nodes) == 0 {
		return s, errors.New("status names no nodes")
	}
	for _, n := range s.Nodes {
		if n.Name == "" || len(n.Share) == 0 {
			return s, errors.New("status has a node without name or share")
		}
		for side, v := range n.Share {
			if side != "blue" && side != "green" || v < 0 || v > 100 {
				return s, fmt.Errorf("node %s: a share of %d for %q", engines.Clean(n.Name), v, engines.Clean(side))
			}
		}
	}
	return s, nil
}

// where says which side has all of a node's traffic: "green", "green, held".
func (n node) where() string {
	blue, green := n.Share["blue"], n.Share["green"]
	word := fmt.Sprintf("blue %d, green %d", blue, green)
	switch {
	case blue == 100 && green == 0:
		word = "blue"
	case green == 100 && blue == 0:
		word = "green"
	}
	if n.Held {
		word += ", held"
	}
	return word
}

// where is the answer of all nodes, or each one's own if they differ.
func (s status) where() string {
	var words []string
	same := true
	for _, n := range s.Nodes {
		words = append(words, engines.Clean(n.Name)+": "+n.where())
		same = same && n.where() == s.Nodes[0].where()
	}
	if same {
		return s.Nodes[0].where()
	}
	return strings.Join(words, "; ")
}

func (s status) held() (n float64) {
	for _, x := range s.Nodes {
		if x.Held {
			n++
		}
	}
	return n
}
