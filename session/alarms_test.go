package session

import (
	"testing"
	"time"
)

func open(b *alarmBoard) (ids []string) {
	for _, a := range b.list() {
		if !a.Over {
			ids = append(ids, a.ID)
		}
	}
	return ids
}

// G8: an alarm comes back only after its cause was gone for quietFor; one that
// comes and goes is one alarm, still acknowledged.
func TestAFlappingCauseIsOneAlarm(t *testing.T) {
	var b alarmBoard
	now := noon
	if !b.raise(now, Alarm{ID: "lag", Text: "first"}) {
		t.Fatal("the first was not new")
	}
	b.all[0].Acked = true
	for range 20 {
		now = now.Add(10 * time.Second)
		b.clear(now, "lag")
		now = now.Add(10 * time.Second)
		if b.raise(now, Alarm{ID: "lag", Text: "again"}) {
			t.Fatal("an alarm whose cause was gone for 10 s came back as a new one")
		}
	}
	if len(b.all) != 1 || !b.all[0].Acked || b.all[0].Over || b.all[0].Text != "again" {
		t.Fatalf("got %+v", b.all)
	}
	b.clear(now, "lag")
	now = now.Add(quietFor)
	if !b.raise(now, Alarm{ID: "lag"}) || len(b.all) != 2 || len(open(&b)) != 1 {
		t.Fatalf("after %s: %+v", quietFor, b.all)
	}
	b.clear(now, "lag")
	if b.raise(now.Add(time.Second), Alarm{ID: "lag"}) || len(b.all) != 2 {
		t.Fatalf("the second one flaps: %+v", b.all)
	}
}

// The list has what is open first, warnings before cautions, then the oldest.
func TestTheAlarmListIsInOrder(t *testing.T) {
	var b alarmBoard
	b.raise(noon, Alarm{ID: "caution"})
	b.raise(noon.Add(2*time.Second), Alarm{ID: "young", Level: WarningLevel})
	b.raise(noon.Add(time.Second), Alarm{ID: "over", Level: WarningLevel})
	b.clear(noon.Add(3*time.Second), "over")
	got := open(&b)
	if len(got) != 2 || got[0] != "young" || got[1] != "caution" || b.list()[2].ID != "over" {
		t.Errorf("got %+v", b.list())
	}
}
