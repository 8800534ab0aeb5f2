package route53

import (
	"context"
	"errors"
	"maps"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/middleware"

	"github.com/turquoise-db/turquoise/engines"
)

// callerLimit is what STS may take. Its answer is for the record: a zone that can
// be reached is worth a cutover also where STS cannot.
const callerLimit = 3 * time.Second

// whose says whose credentials call, for Identity.Extra. AWS asks for no permission
// to answer. It is asked once for each client; without an answer the map is empty.
func (c *Conn) whose(ctx context.Context) map[string]string {
	if c.caller == nil {
		c.caller = c.askCaller(ctx)
	}
	return maps.Clone(c.caller)
}

func (c *Conn) askCaller(ctx context.Context) map[string]string {
	ctx, cancel := context.WithTimeout(ctx, callerLimit)
	defer cancel()
	who, err := c.sts.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil || aws.ToString(who.Account) == "" {
		return map[string]string{}
	}
	return map[string]string{engines.ExtraAWSAccount: engines.Clean(aws.ToString(who.Account)), engines.ExtraAWSCaller: engines.Clean(aws.ToString(who.Arn)),
		engines.ExtraAWSUser: engines.Clean(aws.ToString(who.UserId)), engines.ExtraAWSRegion: c.at.region}
}

// noteRequests keeps the id of each call, whether it succeeds or not: by it
// CloudTrail and the record are held against each other.
func (c *Conn) noteRequests(stack *middleware.Stack) error {
	return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("noteRequest",
		func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
			out, m, err := next.HandleInitialize(ctx, in)
			var re *awshttp.ResponseError
			if id, ok := awsmiddleware.GetRequestIDMetadata(m); ok {
				c.request = engines.Clean(id)
			} else if errors.As(err, &re) {
				c.request = engines.Clean(re.ServiceRequestID())
			}
			return out, m, err
		}), middleware.Before)
}
