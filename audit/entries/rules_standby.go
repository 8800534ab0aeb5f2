package entries

import "github.com/turquoise-db/turquoise/audit"

// standIn holds a segment that was opened with a standby's key to what the key
// was endorsed for: to take a window back by the abort list that was confirmed
// with it, and to say what the servers answered. It cannot run a step, decide,
// skip, hand over or close.
func (r *rules) standIn(e audit.Entry, b audit.Body) {
	switch b := b.(type) {
	case SessionResume:
		r.standby = b.Standby != nil || r.standby && b.Endorsement == ""
		return
	case SessionHandover:
		if !r.standby {
			return
		}
	}
	if !r.standby || mayStandby(b) {
		return
	}
	if in, ok := b.(StepIntent); ok && r.ran[ran{e.Step, e.Attempt, in.PlanSHA256}] {
		return // of a plan that was confirmed before; its statements are looked at one by one
	}
	r.find(audit.Rule, "R48-standby", "%s under the standby's key, which was endorsed to take a window back and for nothing else", b.Type())
}

func mayStandby(b audit.Body) bool {
	switch b := b.(type) {
	case audit.KeyNext, audit.Seal, audit.ClockStep, audit.Withheld, ClockState, LogFault, AlarmRaised, CommandDenied, GaugeSample, CheckResult, TargetBound,
		TargetLost, TargetChanged, VarCaptured, StmtEnd, StepOutcome, SessionSuspend, AnchorReceipt:
		return true
	case StepReconciled:
		return b.How == ByPlan
	case StmtBegin:
		return b.Part == PartAbort || b.Part == PartProof
	}
	return false
}

// ran names a plan that somebody confirmed for one attempt of a step.
type ran struct {
	step    string
	attempt int64
	digest  string
}
