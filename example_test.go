package duet_test

import (
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"log"
	"os"
	"path/filepath"

	"duet"
)

// The whole way: a configuration, a training that a program watches, and what was learned on an image of its own.
func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "duet-example-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)

	config, err := duet.Load("smoke", `devices.towers=["auto"]`, "data.packed="+filepath.Join(dir, "set"),
		"data.generated.train=64", "data.generated.val=16", "train.max_steps=3")
	if err != nil {
		log.Fatal(err)
	}
	summary, err := duet.Train(ctx, config, duet.TrainOptions{
		Runs: filepath.Join(dir, "runs"),
		Step: func(s duet.Step) error {
			fmt.Printf("step %d, epoch %.2f\n", s.Step, s.Epoch)
			return nil
		},
	})
	if err != nil {
		log.Fatal(err)
	}

	classifier, err := duet.Open(summary.Folder, duet.OpenOptions{})
	if err != nil {
		log.Fatal(err)
	}
	defer classifier.Close()
	photo := image.NewRGBA(image.Rect(0, 0, 640, 480))
	photo.Set(320, 240, color.White)
	predictions, err := classifier.Predict(ctx, photo)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(predictions[0]), "guesses of", filepath.Base(summary.Folder))
	// Output:
	// step 1, epoch 0.25
	// step 2, epoch 0.50
	// step 3, epoch 0.75
	// 4 guesses of smoke-001
}

// A mistake in a configuration is an error that says where it is and what would be right.
func ExampleLoad() {
	_, err := duet.Load("quick", "train.bathc=32")
	fmt.Println(err)

	config, err := duet.Load("quick", "train.batch=32", "network.layers.conv1.maps=16")
	if err != nil {
		log.Fatal(err)
	}
	config.Train.Epochs = 1 // or as a field
	fmt.Println(config.Network.Title(), config.Train.Batch)
	// Output:
	// --set train.bathc: unknown key bathc, did you mean batch?
	// quick 32
}

// A program ends a training by its own rule, and goes on with it later: to the same weights as if it had never stopped.
func ExampleTrain() {
	dir, err := os.MkdirTemp("", "duet-example-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	config, err := duet.Load("smoke", `devices.towers=["auto"]`, "data.packed="+filepath.Join(dir, "set"),
		"data.generated.train=64", "data.generated.val=16", "train.max_steps=4")
	if err != nil {
		log.Fatal(err)
	}

	enough := errors.New("two are enough for now")
	o := duet.TrainOptions{Runs: dir, Run: "mine", Step: func(s duet.Step) error {
		if s.Step == 2 {
			return enough
		}
		return nil
	}}
	_, err = duet.Train(context.Background(), config, o)
	fmt.Println(errors.Is(err, enough), err)

	o.Resume, o.Step = true, nil
	summary, err := duet.Train(context.Background(), config, o)
	fmt.Println(summary.Steps, "steps", err)
	// Output:
	// true interrupted after step 2 by two are enough for now; the run is saved and --resume goes on with it
	// 4 steps <nil>
}

// What was learned is tested on the run's own validation images, on its training images, or on any others with labels.
func ExampleClassifier_Evaluate() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "duet-example-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	config, err := duet.Load("smoke", `devices.towers=["auto"]`, "data.packed="+filepath.Join(dir, "set"),
		"data.generated.train=64", "data.generated.val=16", "train.max_steps=1")
	if err != nil {
		log.Fatal(err)
	}
	if _, err := duet.Train(ctx, config, duet.TrainOptions{Runs: dir, Run: "mine"}); err != nil {
		log.Fatal(err)
	}

	classifier, err := duet.Open(filepath.Join(dir, "mine"), duet.OpenOptions{Views: 10})
	if err != nil {
		log.Fatal(err)
	}
	defer classifier.Close()
	own, err := classifier.Evaluate(ctx, "", duet.EvaluateOptions{})
	if err != nil {
		log.Fatal(err)
	}
	others, err := classifier.Evaluate(ctx, filepath.Join(dir, "set"), duet.EvaluateOptions{Split: "train"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(own.Images, own.Classes, others.Images, others.Top1Error <= 1)
	// Output: 16 4 64 true
}
