package session

import (
	"encoding/json"
	"math"
	"reflect"
	"testing"
	"time"

	"github.com/turquoise-db/turquoise/engines"
)

// fillValue gives every field below v a value that is not its zero one.
func fillValue(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString("x\x1b")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(1)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(1)
	case reflect.Float64:
		v.SetFloat(1.5)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fillValue(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		if v.Type().Elem() != reflect.TypeFor[StepRow]() || v.Cap() > 1 {
			fillValue(v.Index(0))
		}
	case reflect.Map:
		k, e := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fillValue(k)
		fillValue(e)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(k, e)
	case reflect.Array:
		for i := range v.Len() {
			fillValue(v.Index(i))
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Date(2026, 3, 1, 2, 3, 4, 5000, time.UTC)))
			return
		}
		for i := range v.NumField() {
			fillValue(v.Field(i))
		}
	default:
		panic("a snapshot holds a " + v.Kind().String() + ", which the socket cannot carry")
	}
}

// TestAllOfASnapshotGoesOverTheSocket: a field that is added is carried too, and
// a figure that is no number stays none.
func TestAllOfASnapshotGoesOverTheSocket(t *testing.T) {
	var s Snapshot
	fillValue(reflect.ValueOf(&s).Elem())
	there := func(s Snapshot) Snapshot {
		t.Helper()
		b, err := json.Marshal(frame{Snapshot: toWire(s)})
		if err != nil {
			t.Fatal(err)
		}
		var f frame
		if err := json.Unmarshal(b, &f); err != nil {
			t.Fatal(err)
		}
		return f.Snapshot.snapshot()
	}
	was := *s.Compared
	was.Keys = nil // what somebody at the cockpit asked to see stays there
	if got := there(s); len(s.Compared.Keys) == 0 || len(got.Compared.Keys) != 0 {
		t.Error("keys of rows go to who only looks on")
	}
	s.Compared = &was
	if got := there(s); !reflect.DeepEqual(got, s) {
		t.Errorf("came as\n%+v\nwas\n%+v", got, s)
	}
	g := Gauge{Value: math.NaN(), History: []float64{1, math.NaN(), math.Inf(1)}}
	s.Gauges = map[engines.GaugeID]Gauge{"green/lag_seconds": g}
	got := there(s).Gauges["green/lag_seconds"]
	if !math.IsNaN(got.Value) || len(got.History) != 3 || got.History[0] != 1 || !math.IsNaN(got.History[1]) || !math.IsNaN(got.History[2]) {
		t.Errorf("gauge came as %+v", got)
	}
}
