package entries

// AnchorReceipt is an outside party's word for a head.
type AnchorReceipt struct {
	At     string            `json:"at"`
	Detail map[string]string `json:"detail,omitempty"`
	File   string            `json:"file,omitempty"`
	Kind   string            `json:"kind"`
	Name   string            `json:"name"`
	SHA256 string            `json:"sha256,omitempty"`
	Size   int64             `json:"size"`
}

// Type is the name of the entry type.
func (AnchorReceipt) Type() string { return "anchor.receipt" }

// ClockState is what the system says about its own clock.
type ClockState struct {
	EstErrorUS int64             `json:"est_error_us"`
	MaxErrorUS int64             `json:"max_error_us"`
	OffsetUS   int64             `json:"offset_us"`
	Servers    List[ServerClock] `json:"servers"`
	Source     string            `json:"source,omitempty"`
}

// Type is the name of the entry type.
func (ClockState) Type() string { return "clock.state" }

// LogFault says why and when this record could not be written.
type LogFault struct {
	Cause           string `json:"cause"`
	EmergencySHA256 string `json:"emergency_sha256,omitempty"`
	From            string `json:"from"`
	Kind            string `json:"kind"`
	To              string `json:"to"`
}

// Type is the name of the entry type.
func (LogFault) Type() string { return "log.fault" }
