package entries

import (
	"bytes"
	"encoding/json"

	"github.com/turquoise-db/turquoise/audit"
)

// List is a JSON list that is never null. A plain slice would give an empty list
// two spellings.
type List[T any] []T

// MarshalJSON writes the list, an empty one as [].
func (l List[T]) MarshalJSON() ([]byte, error) {
	if len(l) == 0 {
		return []byte("[]"), nil
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode([]T(l)); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// Outcome of an action or a step, as written.
const (
	Done    = "done"
	Refused = "refused"
	Unsent  = "unsent"
	Unclear = "unclear"
)

// Part of a plan that a statement belongs to.
const (
	PartMain  = "main"
	PartAbort = "abort"
	PartProof = "proof"
	PartUndo  = "undo"
)

// Ok is what `ok` says about an outcome: nothing about one that is unclear.
func Ok(outcome string) *bool {
	switch outcome {
	case Done:
		return audit.OK(true)
	case Refused, Unsent:
		return audit.OK(false)
	}
	return nil
}

// Tool is the program as it reports itself.
type Tool struct {
	ExeSHA256 string `json:"exe_sha256"`
	Name      string `json:"name"`
	Revision  string `json:"revision"`
	Version   string `json:"version"`
}

// Host is the machine and login the cockpit runs under.
type Host struct {
	Name      string `json:"name"`
	OS        string `json:"os"`
	OSUser    string `json:"os_user"`
	SSHClient string `json:"ssh_client"`
	TTY       string `json:"tty"`
	UID       int64  `json:"uid"`
}

// Key is a person's key. Counter, Pin and Touch are known of hardware keys only.
type Key struct {
	CertID  string `json:"cert_id,omitempty"`
	Counter *int64 `json:"counter,omitempty"`
	FP      string `json:"fp"`
	Kind    string `json:"kind"`
	Pin     *bool  `json:"pin,omitempty"`
	Touch   *bool  `json:"touch,omitempty"`
}

// Change is the change ticket of the night.
type Change struct {
	Ticket     string `json:"ticket"`
	Title      string `json:"title"`
	URL        string `json:"url,omitempty"`
	WindowFrom string `json:"window_from,omitempty"`
	WindowTo   string `json:"window_to,omitempty"`
}

// Doubt is an intent whose end is not known.
type Doubt struct {
	Attempt int64  `json:"attempt"`
	Seq     int64  `json:"seq"`
	Step    string `json:"step"`
}

// Counts sums up a session at its close.
type Counts struct {
	Entries    int64 `json:"entries"`
	InDoubt    int64 `json:"in_doubt"`
	Statements int64 `json:"statements"`
}

// Git is where a runbook came from.
type Git struct {
	Author string `json:"author"`
	Commit string `json:"commit"`
	Dirty  bool   `json:"dirty"`
}

// Needs is the approval policy of one step.
type Needs struct {
	Ahead      bool         `json:"ahead"`
	Anchor     string       `json:"anchor"`
	BreakGlass bool         `json:"break_glass"`
	FreshS     int64        `json:"fresh_s"`
	From       List[string] `json:"from"`
	Need       int64        `json:"need"`
	Not        List[string] `json:"not"`
}

// StepPolicy is Needs with the step it is for.
type StepPolicy struct {
	Ahead      bool         `json:"ahead"`
	Anchor     string       `json:"anchor"`
	BreakGlass bool         `json:"break_glass"`
	FreshS     int64        `json:"fresh_s"`
	From       List[string] `json:"from"`
	Need       int64        `json:"need"`
	Not        List[string] `json:"not"`
	Risk       string       `json:"risk"`
	Step       string       `json:"step"`
}

// TLS is what a connection's encryption showed.
type TLS struct {
	PeerSHA256 string `json:"peer_sha256"` // of the server's certificate; empty without TLS
	Version    string `json:"version"`     // "TLS 1.3"; "off": in the clear
}

// AWS is the account behind a target.
type AWS struct {
	Account   string `json:"account"`
	CallerARN string `json:"caller_arn"`
	Region    string `json:"region"`
	UserID    string `json:"user_id"` // of STS: for a role, its id and the name of its session
}

// Error is a server's error after masking: codes and names, no row values.
type Error struct {
	Class   string            `json:"class"`
	Code    string            `json:"code"`
	Fields  map[string]string `json:"fields,omitempty"`
	Masked  bool              `json:"masked"`
	Message string            `json:"message,omitempty"`
}

// ServerClock is a server's clock against ours.
type ServerClock struct {
	OffsetUS int64  `json:"offset_us"`
	RTTUS    int64  `json:"rtt_us"`
	Target   string `json:"target"`
}

// Series is the readings of one gauge; nil where a reading failed.
type Series struct {
	Gauge string       `json:"gauge"`
	Unit  string       `json:"unit"`
	V     List[*int64] `json:"v"`
}

// Screen is the size of the screen that was confirmed on.
type Screen struct {
	H int64 `json:"h"`
	W int64 `json:"w"`
}

// Bind is a value that went with a statement: the text is fixed by the plan, the
// value was read inside the block.
type Bind struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// SecretUse shows that the same secret was used again, not which.
type SecretUse struct {
	HMAC string `json:"hmac"`
	Slot string `json:"slot"`
}
