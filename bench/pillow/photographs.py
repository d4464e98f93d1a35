"""Pictures for the comparison and the measurement where no photographs are given, drawn and saved by Pillow."""

import numpy as np
from PIL import Image


def draw(random, width, height):
    """A picture [H, W, 3] with a photograph's spectrum, more or less: octaves of noise, each half as strong as the one before."""
    picture = np.full((height, width, 3), 128.0)
    strength, side = 60.0, 3
    while side < max(width, height):
        grid = Image.fromarray(random.integers(0, 256, (side, side, 3)).astype(np.uint8))
        picture += (np.asarray(grid.resize((width, height), Image.BICUBIC)) / 127.5 - 1) * strength
        strength, side = strength / 1.6, side * 2
    return picture.clip(0, 255).astype(np.uint8)


def photographs(folder, count):
    """Saves JPEGs of ImageNet's common sizes into the folder."""
    random = np.random.default_rng(1)
    for i in range(count):
        width, height = [(500, 375), (375, 500), (500, 333), (640, 480)][i % 4]
        Image.fromarray(draw(random, width, height)).save(folder / f"{i:04}.jpg", quality=92, subsampling=i % 3)


def every_kind(folder):
    """Saves one picture of every colour model and kind of file into the folder."""
    random = np.random.default_rng(2)
    rgb = Image.fromarray(draw(random, 500, 375))
    tall = Image.fromarray(draw(random, 300, 1100))
    exif = Image.Exif()
    exif[0x0112] = 6  # ignored, unless it is asked for
    for quality in (30, 75, 95):
        for subsampling in (0, 1, 2):
            rgb.save(folder / f"quality-{quality}-{subsampling}.jpg", quality=quality, subsampling=subsampling)
    rgb.save(folder / "progressive.jpg", quality=90, progressive=True)
    rgb.save(folder / "exif.jpg", quality=90, exif=exif)
    rgb.convert("L").save(folder / "grey.jpg", quality=90)
    rgb.convert("CMYK").save(folder / "cmyk.jpg", quality=90)
    tall.save(folder / "tall.jpg", quality=90)
    Image.fromarray(draw(random, 1600, 1203)).save(folder / "large.jpg", quality=90)
    Image.fromarray(draw(random, 3000, 2250)).save(folder / "very-large.jpg", quality=90)
    Image.fromarray(draw(random, 120, 90)).save(folder / "small.jpg", quality=90)
    Image.fromarray(draw(random, 256, 256)).save(folder / "as-it-is.jpg", quality=90)
    rgb.save(folder / "rgb.png")
    tall.save(folder / "tall.png")
    rgb.convert("L").save(folder / "grey.png")
    rgb.convert("P", palette=Image.ADAPTIVE).save(folder / "palette.png")
    rgb.convert("1").save(folder / "bits.png")
    clear = rgb.copy()
    clear.putalpha(Image.fromarray(draw(random, 500, 375)[:, :, 0]))
    clear.save(folder / "alpha.png")
    Image.fromarray(np.asarray(rgb.convert("L")).astype(np.uint16) * 257).save(folder / "16-bit.png")
    rgb.save(folder / "colours.gif")
    rgb.save(folder / "rgb.bmp")
    rgb.save(folder / "lossless.webp", lossless=True)
    rgb.save(folder / "lossy.webp", quality=90)
