package engines

import (
	"context"
)

// OpenRequest says where to connect. DSN holds secrets and is never printed.
type OpenRequest struct {
	Ctx    context.Context
	Target TargetID
	DSN    string
	Params map[string]string // the target's further settings: file, database
	Run    string
	Sid    string // of the session, for the comment in front of statements; empty: there is none
	Person string
	Role   string // "executor", "hold", "sampler", "preflight"
}
