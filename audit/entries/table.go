package entries

import "github.com/turquoise-db/turquoise/audit"

// Types is the closed table of entry types, for audit.Options and verify.
func Types() audit.Types {
	t := audit.Types{}
	for _, row := range table() {
		t[row.Zero.Type()] = row
	}
	return t
}

// table says how lines of each type are treated. Types without Durable reach the
// disk with the next durable line; replay reads those with State.
func table() []audit.Type {
	return []audit.Type{
		{Zero: SessionOpen{}, Durable: true, State: true, Sealed: true},
		{Zero: SessionResume{}, Durable: true, State: true, Sealed: true},
		{Zero: SessionStandby{}, Durable: true, Sealed: true},
		{Zero: SessionHandover{}, Durable: true, State: true, Sealed: true},
		{Zero: SessionSuspend{}, Durable: true, State: true, Sealed: true},
		{Zero: SessionAbort{}, Durable: true, State: true},
		{Zero: SessionClose{}, Durable: true, State: true, Sealed: true},
		{Zero: IdentityBound{}, Durable: true},
		{Zero: ViewJoined{}},
		{Zero: ViewLeft{}},
		{Zero: ServeOpened{}},
		{Zero: ServeClosed{}},
		{Zero: CommandDenied{}},
		{Zero: AlarmRaised{}},
		{Zero: AlarmAcked{}},
		{Zero: HoldBegin{}, Durable: true, State: true},
		{Zero: HoldEnd{}, Durable: true, State: true},
		{Zero: ViewDetail{}},
		{Zero: PollAnswer{}, Durable: true, State: true},
		{Zero: Deviation{}, Durable: true},
		{Zero: Note{}},
		{Zero: ExportCreated{}, Durable: true},
		{Zero: AnchorReceipt{}},
		{Zero: ClockState{}},
		{Zero: LogFault{}, Durable: true},
		{Zero: RunbookLoaded{}, Durable: true, State: true},
		{Zero: ParamSet{}, Durable: true, State: true},
		{Zero: PolicySet{}, Durable: true, State: true},
		{Zero: TargetBound{}, Durable: true, State: true},
		{Zero: TargetLost{}, Answer: true},
		{Zero: TargetChanged{}, Durable: true, State: true},
		{Zero: CheckResult{}, State: true, Answer: true},
		{Zero: CheckOverride{}, Durable: true, State: true},
		{Zero: GaugeSample{}},
		{Zero: VarCaptured{}, Durable: true, State: true},
		{Zero: StepPlan{}, Durable: true, State: true},
		{Zero: StepDisarmed{}, State: true},
		{Zero: ApprovalRequested{}, Durable: true, State: true},
		{Zero: ApprovalGranted{}, Durable: true, State: true},
		{Zero: ApprovalDenied{}, Durable: true, State: true},
		{Zero: ApprovalExpired{}, State: true},
		{Zero: ApprovalWaived{}, Durable: true, State: true, Sealed: true},
		{Zero: StepConfirm{}, State: true},
		{Zero: StepPace{}, Durable: true, State: true},
		{Zero: StepInterrupt{}, Durable: true, State: true},
		{Zero: StepIntent{}, Durable: true, State: true, Sealed: true, Intent: true},
		{Zero: StmtBegin{}, Durable: true, State: true},
		{Zero: StmtEnd{}, Durable: true, State: true, Answer: true},
		{Zero: StepOutcome{}, Durable: true, State: true, Sealed: true, Answer: true, Settles: func(e audit.Entry) bool { return e.OK != nil }},
		{Zero: StepReconciled{}, Durable: true, State: true, Sealed: true, Settles: func(audit.Entry) bool { return true }},
		{Zero: StepSkipped{}, Durable: true, State: true, Sealed: true},
		{Zero: RollbackBegin{}, Durable: true, State: true},
		{Zero: RollbackEnd{}, Durable: true, State: true, Sealed: true},
		{Zero: audit.KeyNext{}},
		{Zero: audit.Seal{}, Durable: true},
		{Zero: audit.ClockStep{}},
	}
}
