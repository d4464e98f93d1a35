package board

import (
	"errors"
	"net/http"

	"duet"
	"duet/dataloader/picture"
)

// guesses are how many classes of an image are shown.
const guesses = 5

// predict tells what an image, the request's body, shows, by a run's newest checkpoint. The devices are held for as
// long as that takes: the run itself may need them.
func (b *Board) predict(w http.ResponseWriter, r *http.Request) (err error) {
	file, _, err := b.newestOf(r.URL.Query().Get("run"))
	if err != nil {
		return err
	}
	b.pictures.Lock()
	defer b.pictures.Unlock()
	c, err := duet.Open(file, duet.OpenOptions{Devices: b.Options.Devices, Batch: 1, Hooks: duet.Hooks{Note: b.Note}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	image, err := c.Decode(http.MaxBytesReader(w, r.Body, picture.MaxFileBytes))
	if err != nil {
		return refuse(http.StatusUnprocessableEntity, "the image cannot be read: %w", err)
	}
	all, err := c.Predict(r.Context(), image)
	if err != nil {
		return err
	}
	best := all[0][:min(guesses, len(all[0]))]
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	return page.ExecuteTemplate(w, "guesses", map[string]any{"Step": c.File.Meta.Step, "Guesses": best})
}
