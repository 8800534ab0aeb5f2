package entries

import "github.com/turquoise-db/turquoise/audit"

// VarCaptured is a value that a later statement needs.
type VarCaptured struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Type is the name of the entry type.
func (VarCaptured) Type() string { return "var.captured" }

// StepPlan is the plan of a step, the bytes that were shown.
type StepPlan struct {
	Needs      Needs  `json:"needs"`
	Plan       string `json:"plan"`
	PlanSHA256 string `json:"plan_sha256"`
	Risk       string `json:"risk"`
	Title      string `json:"title"`
}

// Type is the name of the entry type.
func (StepPlan) Type() string { return "step.plan" }

// StepDisarmed takes a plan back before it ran.
type StepDisarmed struct {
	Reason string `json:"reason"`
}

// Type is the name of the entry type.
func (StepDisarmed) Type() string { return "step.disarmed" }

// ApprovalRequested asks for signatures.
type ApprovalRequested struct {
	Act        string       `json:"act"`
	From       List[string] `json:"from"`
	Need       int64        `json:"need"`
	PlanSHA256 string       `json:"plan_sha256"`
	ValidUntil string       `json:"valid_until"`
}

// Type is the name of the entry type.
func (ApprovalRequested) Type() string { return "approval.requested" }

// ApprovalGranted is a person's signature over a plan.
type ApprovalGranted struct {
	InOperatorAgent *bool  `json:"in_operator_agent"`
	Key             Key    `json:"key"`
	Signature       string `json:"signature"`
	Statement       string `json:"statement"`
	Way             string `json:"way"`
}

// Type is the name of the entry type.
func (ApprovalGranted) Type() string { return "approval.granted" }

// ApprovalDenied is a refusal, with its reason.
type ApprovalDenied struct {
	Reason    string `json:"reason"`
	Signature string `json:"signature,omitempty"`
	Statement string `json:"statement,omitempty"`
}

// Type is the name of the entry type.
func (ApprovalDenied) Type() string { return "approval.denied" }

// ApprovalExpired says that a request or a grant ran out.
type ApprovalExpired struct{}

// Type is the name of the entry type.
func (ApprovalExpired) Type() string { return "approval.expired" }

// ApprovalWaived goes on without an approval; one is owed.
type ApprovalWaived struct {
	Reason    string `json:"reason"`
	Signature string `json:"signature"`
	Statement string `json:"statement"`
}

// Type is the name of the entry type.
func (ApprovalWaived) Type() string { return "approval.waived" }

// StepConfirm is the operator's keypress and what was before him.
type StepConfirm struct {
	PlanSHA256 string `json:"plan_sha256"`
	Screen     Screen `json:"screen"`
	Seen       int64  `json:"seen"`
	ShownMS    int64  `json:"shown_ms"`
	Typed      string `json:"typed"`
	WayBack    string `json:"way_back"`
}

// Type is the name of the entry type.
func (StepConfirm) Type() string { return "step.confirm" }

// StepInterrupt is the wish to stop a running step.
type StepInterrupt struct {
	How string `json:"how"`
}

// Type is the name of the entry type.
func (StepInterrupt) Type() string { return "step.interrupt" }

// StepPace sets how many rows a batch of a running job may take.
type StepPace struct {
	Rows int64 `json:"rows"`
}

// Type is the name of the entry type.
func (StepPace) Type() string { return "step.pace" }

// StepIntent says that the plan will now be sent.
type StepIntent struct {
	Approvals  List[int64] `json:"approvals"`
	Confirm    int64       `json:"confirm"`
	Gates      List[int64] `json:"gates"`
	PlanSHA256 string      `json:"plan_sha256"`
	Waiver     *int64      `json:"waiver,omitempty"`
}

// Type is the name of the entry type.
func (StepIntent) Type() string { return "step.intent" }

// StmtBegin is a statement about to be sent.
type StmtBegin struct {
	Binds   List[Bind]      `json:"binds,omitempty"`
	I       int64           `json:"i"`
	Part    string          `json:"part"`
	Secrets List[SecretUse] `json:"secrets"`
	Tag     string          `json:"tag"`
	Text    string          `json:"text"`
	Verb    string          `json:"verb"`
}

// Type is the name of the entry type.
func (StmtBegin) Type() string { return "stmt.begin" }

// StmtEnd is what came back.
type StmtEnd struct {
	Command    string               `json:"command,omitempty"`
	Error      *Error               `json:"error,omitempty"`
	Evidence   List[audit.Evidence] `json:"evidence,omitempty"`
	GTID       string               `json:"gtid,omitempty"`
	LSN        string               `json:"lsn,omitempty"`
	Notices    List[string]         `json:"notices,omitempty"`
	Outcome    string               `json:"outcome"`
	RequestID  string               `json:"request_id,omitempty"`
	Rows       *int64               `json:"rows,omitempty"`
	ServerTime string               `json:"server_time,omitempty"`
	TookUS     int64                `json:"took_us"`
}

// Type is the name of the entry type.
func (StmtEnd) Type() string { return "stmt.end" }

// EvidenceFiles names the files that verify looks up.
func (b StmtEnd) EvidenceFiles() []audit.Evidence { return b.Evidence }

// StepOutcome is what became of a step.
type StepOutcome struct {
	Evidence List[audit.Evidence] `json:"evidence,omitempty"`
	Outcome  string               `json:"outcome"`
	Proofs   List[int64]          `json:"proofs"`
	TookUS   int64                `json:"took_us"`
	Why      string               `json:"why,omitempty"`
}

// Type is the name of the entry type.
func (StepOutcome) Type() string { return "step.outcome" }

// EvidenceFiles names the files that verify looks up.
func (b StepOutcome) EvidenceFiles() []audit.Evidence { return b.Evidence }

// ByPlan is how the doubt about a step ends when its confirmed abort plan runs by
// itself: nobody decides, so nobody signs, and nothing else may follow.
const ByPlan = "plan"

// StepReconciled ends the doubt about a step by a proof, by a decision, or by the
// abort plan that was confirmed with it.
type StepReconciled struct {
	How       string `json:"how"`
	Next      string `json:"next"`
	Proof     *int64 `json:"proof,omitempty"`
	Signature string `json:"signature,omitempty"`
	Statement string `json:"statement,omitempty"`
	Verdict   string `json:"verdict"`
}

// Type is the name of the entry type.
func (StepReconciled) Type() string { return "step.reconciled" }

// StepSkipped leaves a step out, with a reason.
type StepSkipped struct {
	Approvals List[int64] `json:"approvals"`
	Reason    string      `json:"reason"`
}

// Type is the name of the entry type.
func (StepSkipped) Type() string { return "step.skipped" }

// RollbackBegin begins the way back.
type RollbackBegin struct {
	FromStep string `json:"from_step"`
	Reason   string `json:"reason"`
	WayBack  string `json:"way_back"`
}

// Type is the name of the entry type.
func (RollbackBegin) Type() string { return "rollback.begin" }

// RollbackEnd ends the way back.
type RollbackEnd struct {
	Result   string `json:"result"`
	WritesOn string `json:"writes_on"`
}

// Type is the name of the entry type.
func (RollbackEnd) Type() string { return "rollback.end" }
