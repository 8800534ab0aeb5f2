package entries

import "github.com/turquoise-db/turquoise/audit"

// SessionOpen begins a record.
type SessionOpen struct {
	Change       Change `json:"change"`
	Endorsement  string `json:"endorsement"`
	HMACKey      string `json:"hmac_key,omitempty"`
	Host         Host   `json:"host"`
	Key          *Key   `json:"key,omitempty"`
	MaxSkewMS    int64  `json:"max_skew_ms"`
	Mode         string `json:"mode"`
	Origin       string `json:"origin"`
	PeopleSHA256 string `json:"people_sha256"`
	ReserveBytes int64  `json:"reserve_bytes"`
	Signature    string `json:"signature"`
	Tool         Tool   `json:"tool"`
	VKey         string `json:"vkey"`
}

// Type is the name of the entry type.
func (SessionOpen) Type() string { return "session.open" }

// EvidenceNames is the file that holds the key of the HMACs: it stays with the
// session and may be deleted.
func (b SessionOpen) EvidenceNames() []string {
	if b.HMACKey == "" {
		return nil
	}
	return []string{b.HMACKey}
}

// SessionResume begins every further segment.
type SessionResume struct {
	After       string      `json:"after"`
	Endorsement string      `json:"endorsement"`
	Host        Host        `json:"host"`
	InDoubt     List[Doubt] `json:"in_doubt"`
	Key         *Key        `json:"key,omitempty"`
	Reason      string      `json:"reason"`
	Signature   string      `json:"signature"`
	Standby     *int64      `json:"standby,omitempty"` // the session.standby whose key opens this segment
	Tool        Tool        `json:"tool"`
	Torn        *audit.Torn `json:"torn,omitempty"`
	VKey        string      `json:"vkey"`
}

// Type is the name of the entry type.
func (SessionResume) Type() string { return "session.resume" }

// SessionStandby is the operator's endorsement, ahead, of the key of a process that
// takes a window back when the cockpit dies.
type SessionStandby struct {
	Endorsement string `json:"endorsement"`
	Key         Key    `json:"key"`
	Signature   string `json:"signature"`
	VKey        string `json:"vkey"`
}

// Type is the name of the entry type.
func (SessionStandby) Type() string { return "session.standby" }

// SessionHandover makes another person the operator.
type SessionHandover struct {
	Consent          string `json:"consent,omitempty"`
	ConsentSignature string `json:"consent_signature,omitempty"`
	Endorsement      string `json:"endorsement,omitempty"`
	From             string `json:"from"`
	Key              *Key   `json:"key,omitempty"`
	Reason           string `json:"reason"`
	Signature        string `json:"signature,omitempty"`
	To               string `json:"to"`
	VKey             string `json:"vkey,omitempty"`
}

// Type is the name of the entry type.
func (SessionHandover) Type() string { return "session.handover" }

// SessionSuspend ends a segment on purpose; the session can go on.
type SessionSuspend struct {
	Reason  string `json:"reason"`
	Running *int64 `json:"running,omitempty"`
}

// Type is the name of the entry type.
func (SessionSuspend) Type() string { return "session.suspend" }

// SessionAbort gives the cutover up; session.close still follows.
type SessionAbort struct {
	Reason string `json:"reason"`
}

// Type is the name of the entry type.
func (SessionAbort) Type() string { return "session.abort" }

// SessionClose ends the record.
type SessionClose struct {
	CastSHA256 string      `json:"cast_sha256,omitempty"`
	Counts     Counts      `json:"counts"`
	Owed       List[int64] `json:"owed"`
	Result     string      `json:"result"`
	WritesOn   string      `json:"writes_on"`
}

// Type is the name of the entry type.
func (SessionClose) Type() string { return "session.close" }

// Film is the hash of the film of the screen, empty if none was made.
func (b SessionClose) Film() string { return b.CastSHA256 }

// IdentityBound ties a person to a role and a key.
type IdentityBound struct {
	How     string `json:"how"`
	KeyFP   string `json:"key_fp,omitempty"`
	KeyKind string `json:"key_kind,omitempty"`
	Name    string `json:"name"`
	Person  string `json:"person"`
	Role    string `json:"role"`
}

// Type is the name of the entry type.
func (IdentityBound) Type() string { return "identity.bound" }

// ViewJoined says that somebody began to watch.
type ViewJoined struct {
	Person string `json:"person"`
	Role   string `json:"role"`
	Via    string `json:"via"`
	Why    string `json:"why,omitempty"`
}

// Type is the name of the entry type.
func (ViewJoined) Type() string { return "view.joined" }

// ViewLeft says that somebody stopped watching, and why.
type ViewLeft struct {
	Person string `json:"person"`
	Role   string `json:"role"`
	Via    string `json:"via"`
	Why    string `json:"why,omitempty"`
}

// Type is the name of the entry type.
func (ViewLeft) Type() string { return "view.left" }

// ServeOpened says that the session can be watched over SSH.
type ServeOpened struct {
	HostKeyFP string `json:"host_key_fp"`
	Listen    string `json:"listen"`
}

// Type is the name of the entry type.
func (ServeOpened) Type() string { return "serve.opened" }

// ServeClosed says that the session can no longer be watched over SSH.
type ServeClosed struct {
	HostKeyFP string `json:"host_key_fp"`
	Listen    string `json:"listen"`
}

// Type is the name of the entry type.
func (ServeClosed) Type() string { return "serve.closed" }

// CommandDenied is a command that its sender may not give.
type CommandDenied struct {
	Command string `json:"command"`
	Why     string `json:"why"`
}

// Type is the name of the entry type.
func (CommandDenied) Type() string { return "command.denied" }

// AlarmRaised is an alarm as it was shown.
type AlarmRaised struct {
	Alarm string `json:"alarm"`
	Level string `json:"level"`
	Text  string `json:"text"`
}

// Type is the name of the entry type.
func (AlarmRaised) Type() string { return "alarm.raised" }

// AlarmAcked says who saw an alarm.
type AlarmAcked struct {
	Alarm string `json:"alarm"`
	Level string `json:"level"`
	Text  string `json:"text"`
}

// Type is the name of the entry type.
func (AlarmAcked) Type() string { return "alarm.acked" }

// HoldBegin begins a planned stop.
type HoldBegin struct {
	Reason string `json:"reason"`
}

// Type is the name of the entry type.
func (HoldBegin) Type() string { return "hold.begin" }

// HoldEnd ends a planned stop.
type HoldEnd struct {
	Reason string `json:"reason"`
}

// Type is the name of the entry type.
func (HoldEnd) Type() string { return "hold.end" }

// ViewDetail says that raw values were on a screen; it holds none.
type ViewDetail struct {
	Rows int64  `json:"rows"`
	What string `json:"what"`
}

// Type is the name of the entry type.
func (ViewDetail) Type() string { return "view.detail" }

// PollAnswer is the go or no-go of one desk.
type PollAnswer struct {
	ByVoice  bool   `json:"by_voice"`
	Comment  string `json:"comment,omitempty"`
	Desk     string `json:"desk"`
	Question string `json:"question"`
}

// Type is the name of the entry type.
func (PollAnswer) Type() string { return "poll.answer" }

// Deviation is something done that the runbook does not say.
type Deviation struct {
	Evidence List[audit.Evidence] `json:"evidence,omitempty"`
	Reason   string               `json:"reason"`
	What     string               `json:"what"`
}

// Type is the name of the entry type.
func (Deviation) Type() string { return "deviation" }

// EvidenceFiles names the files that verify looks up.
func (b Deviation) EvidenceFiles() []audit.Evidence { return b.Evidence }

// Note is a person's remark.
type Note struct {
	Text string `json:"text"`
}

// Type is the name of the entry type.
func (Note) Type() string { return "note" }

// ExportCreated says what was handed out of the record, and to whom.
type ExportCreated struct {
	Format   string      `json:"format"`
	Redacted List[int64] `json:"redacted"`
	SHA256   string      `json:"sha256"`
	To       string      `json:"to"`
}

// Type is the name of the entry type.
func (ExportCreated) Type() string { return "export.created" }
