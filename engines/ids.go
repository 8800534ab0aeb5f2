package engines

// TargetID names a server or router of the runbook: "blue", "green", "router".
type TargetID string

// GaugeID names one measured quantity as `<target>/<name>_<unit>`, such as
// "green/lag_seconds". Units are base units: seconds, bytes, count.
type GaugeID string

// Gauge returns the id of a gauge of a target.
func Gauge(t TargetID, name string) GaugeID { return GaugeID(string(t) + "/" + name) }

// Split returns the target and the name of the gauge; the target is empty if
// the id has none.
func (g GaugeID) Split() (TargetID, string) {
	for i := 0; i < len(g); i++ {
		if g[i] == '/' {
			return TargetID(g[:i]), string(g[i+1:])
		}
	}
	return "", string(g)
}
