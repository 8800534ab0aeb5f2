package entries

import (
	"time"

	"github.com/turquoise-db/turquoise/audit"
)

// RunbookLoaded fixes the runbook of the session.
type RunbookLoaded struct {
	Author   string               `json:"author"`
	Evidence List[audit.Evidence] `json:"evidence"`
	Git      *Git                 `json:"git,omitempty"`
	Name     string               `json:"name"`
	SHA256   string               `json:"sha256"`
	Title    string               `json:"title"`
}

// Type is the name of the entry type.
func (RunbookLoaded) Type() string { return "runbook.loaded" }

// EvidenceFiles names the files that verify looks up.
func (b RunbookLoaded) EvidenceFiles() []audit.Evidence { return b.Evidence }

// ParamSet fixes a parameter; of a secret one only an HMAC.
type ParamSet struct {
	HMAC   string  `json:"hmac,omitempty"`
	Name   string  `json:"name"`
	Source string  `json:"source"`
	Value  *string `json:"value,omitempty"`
}

// Type is the name of the entry type.
func (ParamSet) Type() string { return "param.set" }

// PolicySet fixes who must approve what.
type PolicySet struct {
	MaxSkewMS int64            `json:"max_skew_ms"`
	Quorum    int64            `json:"quorum"`
	Steps     List[StepPolicy] `json:"steps"`
}

// Type is the name of the entry type.
func (PolicySet) Type() string { return "policy.set" }

// TargetBound fixes which server stands behind a target.
type TargetBound struct {
	AWS           *AWS   `json:"aws,omitempty"`
	Backend       string `json:"backend,omitempty"`
	ClockOffsetUS int64  `json:"clock_offset_us"`
	ClockRttUS    int64  `json:"clock_rtt_us"`
	Database      string `json:"database,omitempty"`
	Engine        string `json:"engine"`
	Host          string `json:"host"`
	Login         string `json:"login"`
	Port          int64  `json:"port"`
	ReadOnly      *bool  `json:"read_only,omitempty"`
	Role          string `json:"role"`
	SystemID      string `json:"system_id"`
	TLS           *TLS   `json:"tls,omitempty"`
	Trace         string `json:"trace"`
	Version       string `json:"version"`
}

// Type is the name of the entry type.
func (TargetBound) Type() string { return "target.bound" }

// TargetLost says that a server does not answer.
type TargetLost struct {
	Error Error `json:"error"`
}

// Type is the name of the entry type.
func (TargetLost) Type() string { return "target.lost" }

// TargetChanged says that another server stands behind a target; the session stops.
type TargetChanged struct {
	Field string `json:"field"`
	Is    string `json:"is"`
	Was   string `json:"was"`
}

// Type is the name of the entry type.
func (TargetChanged) Type() string { return "target.changed" }

// CheckOutage is the name of the check that holds what clients saw of the whole
// cutover, where somebody measured it.
const CheckOutage = "client outage"

// CheckResult is a check, gate or proof as it was answered.
type CheckResult struct {
	AgeUS    *int64               `json:"age_us,omitempty"`
	Check    string               `json:"check"`
	Evidence List[audit.Evidence] `json:"evidence,omitempty"`
	Is       string               `json:"is"`
	Kind     string               `json:"kind"`
	Level    string               `json:"level,omitempty"` // LevelCaution, or empty: the answer is all there is to say
	Reason   string               `json:"reason,omitempty"`
	SampleAt string               `json:"sample_at,omitempty"`
	Waive    string               `json:"waive,omitempty"` // WaiveSecond, or empty: nobody can override this check
	Want     string               `json:"want"`
}

// Sampled says when what a check stands on was read, and how old it was when it
// answered. Nothing of a check that stands on no reading.
func Sampled(at, now time.Time) (sampleAt string, ageUS *int64) {
	if at.IsZero() {
		return "", nil
	}
	age := max(now.Sub(at).Microseconds(), 0)
	return at.UTC().Format(time.RFC3339Nano), &age
}

// The kind of the checks of a preflight, and the word of those among them that may
// be overridden with a second person's signature.
const (
	KindPreflight = "preflight"
	WaiveSecond   = "second_person"
)

// LevelCaution marks a check that passes and that somebody should know of all the same.
const LevelCaution = "caution"

// Type is the name of the entry type.
func (CheckResult) Type() string { return "check.result" }

// EvidenceFiles names the files that verify looks up.
func (b CheckResult) EvidenceFiles() []audit.Evidence { return b.Evidence }

// CheckOverride goes on against a check, with a reason.
type CheckOverride struct {
	Approvals List[int64] `json:"approvals"`
	Check     string      `json:"check"`
	Is        string      `json:"is"`
	Reason    string      `json:"reason"`
	Want      string      `json:"want"`
}

// Type is the name of the entry type.
func (CheckOverride) Type() string { return "check.override" }

// GaugeSample is what the gauges read over a short time.
type GaugeSample struct {
	EveryMS int64        `json:"every_ms"`
	From    string       `json:"from"`
	Series  List[Series] `json:"series"`
}

// Type is the name of the entry type.
func (GaugeSample) Type() string { return "gauge.sample" }
