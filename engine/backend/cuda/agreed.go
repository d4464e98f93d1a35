//go:build gpu

package cuda

import (
	"fmt"
	"strings"

	"duet/engine/op"
	"duet/kernels"
)

// agreed are the numbers that both kernels and their launches reckon with, by the names that AGREED gives them in
// kernels/.
var agreed = map[string]int{
	"augment_draws":             op.Draws,
	"warp_draws":                op.WarpDraws,
	"conv2d_nowhere":            2 * mostExtent,
	"piece_bytes":               pieceBytes,
	"bias_gradient_maps":        sumMaps,
	"tensor_stages_32":          tensorStages[32],
	"tensor_stages_64":          tensorStages[64],
	"lrn_max_pool_most_places":  mostPlaces,
	"lrn_max_pool_least_window": leastWindow,
	"lrn_max_pool_most_window":  mostWindow,
	"lrn_max_pool_least_stride": leastStride,
	"row_blocks":                rowBlocks,
	"piece_elements":            pieceElements,
	"sgd_update_row":            8 * 12,
	"ema_update_row":            8 * 6,
	"lrn_max_pool_paper_window": paperWindow,
	"lrn_max_pool_paper_height": paperHeight,
	"lrn_max_pool_paper_width":  paperWidth,
}

// agree compares PTX with agreed: each number has one value wherever it is, and is somewhere.
func agree(modules []kernels.Module) error {
	seen := map[string]bool{}
	for _, m := range modules {
		for name, is := range m.Info.Constants {
			name, ours := strings.CutPrefix(name, "agreed_")
			if !ours {
				continue
			}
			want, known := agreed[name]
			if !known || is != want {
				return fmt.Errorf("%s.ptx has %s = %d, and its launch reckons with %d: the kernels are another version's: run "+
					"make kernels, and build again",
					m.Name, name, is, want)
			}
			seen[name] = true
		}
	}
	for name := range agreed {
		if !seen[name] {
			return fmt.Errorf("no PTX says what %s is: the kernels are another version's: run make kernels, and build again",
				name)
		}
	}
	return nil
}
