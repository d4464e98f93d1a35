package board

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"sync"

	"duet"
	"duet/dataloader/picture"
	"duet/engine/look"
)

// guesses are how many classes of an image are shown.
const guesses = 5

// predict tells what an image, the request's body, shows, by a run's newest checkpoint. The devices are held for as
// long as that takes: the run itself may need them.
func (b *Board) predict(w http.ResponseWriter, r *http.Request) (err error) {
	file, _, err := b.newestOf(r.URL.Query().Get("run"), fromCheckpoint)
	if err != nil {
		return err
	}
	b.heavy.Lock()
	defer b.heavy.Unlock()
	c, err := duet.Open(b.path(file), duet.OpenOptions{Devices: b.Options.Devices, Batch: 1,
		Hooks: duet.Hooks{Note: b.Note}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	image, err := c.Decode(http.MaxBytesReader(w, r.Body, picture.MaxFileBytes))
	if err != nil {
		return refuse(http.StatusUnprocessableEntity, "the image cannot be read: %w", err)
	}
	layers, seen, err := c.Maps(r.Context(), image)
	if err != nil {
		return err
	}
	png, err := look.Maps("What the layers give", image, layers).Encode(".png")
	if err != nil {
		return err
	}
	best := c.Rank(seen.Probs)
	best = best[:min(guesses, len(best))]
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	return page.ExecuteTemplate(w, "guesses", map[string]any{"Step": c.File.Meta.Step, "Guesses": best,
		"Maps": b.maps.keep(png)})
}

// kept are the last pictures that were drawn of images that somebody tried, by what they are.
type kept struct {
	sync.Mutex
	all map[string][]byte
}

// keep gives a picture a name.
func (k *kept) keep(png []byte) string {
	k.Lock()
	defer k.Unlock()
	if k.all == nil || len(k.all) == 8 {
		k.all = map[string][]byte{}
	}
	name := fmt.Sprintf("%x", sha256.Sum256(png))
	k.all[name] = png
	return name
}

// mapsPicture serves what the layers gave for an image.
func (b *Board) mapsPicture(w http.ResponseWriter, r *http.Request) error {
	b.maps.Lock()
	png := b.maps.all[r.URL.Query().Get("of")]
	b.maps.Unlock()
	if png == nil {
		return refuse(http.StatusNotFound, "no such picture any more: want the image tried again")
	}
	w.Header().Set("Content-Type", "image/png")
	_, err := w.Write(png)
	return err
}
