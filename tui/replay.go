package tui

import (
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/turquoise-db/turquoise/session"
)

// Player is what the keys of a replay move.
type Player interface {
	Session
	Position() session.Position
	Pause()
	Faster(bool)
	Lines(int)
	Step(int)
	Ends(bool)
}

// Replay is the cockpit over a record: the same screen, with the keys of a player
// in its last row. It can change nothing, because its session refuses everything.
type Replay struct {
	Model
	player Player
}

// NewReplay makes the screen of a replay.
func NewReplay(c Config, p Player) Replay {
	c.Session, c.Me = p, session.Person{Name: "replay", Role: "viewer"}
	return Replay{New(c), p}
}

// Update gives the player's keys to the player and the others to the screen.
func (r Replay) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	if k, ok := msg.(tea.KeyPressMsg); ok && r.mode == looking && !r.look.find.open && r.play(k.String()) {
		r.version++
		return r, nil
	}
	m, cmd := r.Model.Update(msg)
	r.Model = m.(Model)
	return r, cmd
}

// play reports whether the key was one of the player's.
func (r Replay) play(key string) bool {
	switch key {
	case "space":
		r.player.Pause()
	case "right", "l":
		r.player.Lines(1)
	case "left":
		r.player.Lines(-1)
	case "]":
		r.player.Step(1)
	case "[":
		r.player.Step(-1)
	case "+", "=":
		r.player.Faster(true)
	case "-":
		r.player.Faster(false)
	case "home", "0":
		r.player.Ends(false)
	case "end", "$":
		r.player.Ends(true)
	default:
		return false
	}
	return true
}

// View is the screen with the player's row at its end.
func (r Replay) View() tea.View {
	v := r.Model.View()
	if r.w == 0 || r.h == 0 || r.mode != looking || r.look.find.open {
		return v
	}
	rows := strings.Split(v.Content, "\n")
	var b strings.Builder
	r.th.render(&b, r.bar())
	rows[len(rows)-1] = b.String()
	v.Content = strings.Join(rows, "\n")
	return v
}

// bar says where the replay stands, and its keys.
func (r Replay) bar() line {
	p := r.player.Position()
	state := "paused"
	if p.Playing {
		state = "playing"
	}
	where := fmt.Sprintf("%s %gx   entry %d of %d   %s", state, p.Speed, p.Line, p.Lines-1, utc(p.At))
	keys := func(hints ...string) line {
		l := line{{text, " "}}
		for i := 0; i < len(hints); i += 2 {
			l = append(l, seg{turq | bold, hints[i]}, seg{dim, " " + hints[i+1] + "   "})
		}
		return l
	}
	all := keys("space", "play", "←→", "entry", "[ ]", "step", "+-", "speed", "0 $", "ends", "?", "keys", "q", "leave")
	some := keys("space", "play", "←→", "entry", "[ ]", "step", "+-", "speed", "q", "leave")
	few := keys("space", "play", "[ ]", "step", "q", "leave")
	right := line{{bold, where + " "}}
	for _, l := range []line{all, some, few} {
		if l.width()+right.width() < r.w {
			return spread(l, right, r.w)
		}
	}
	return right.fit(r.w)
}
