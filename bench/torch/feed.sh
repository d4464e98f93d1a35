#!/usr/bin/env bash
# feed.sh DUET PYTHON SET [ARGUMENTS OF feed.py]: compares the feeds of a packed set, of one that duet draws where SET
# is "".
set -euo pipefail
here=$(dirname "$0")
duet=$1 python=$2 set=$3
shift 3
if [ -z "$set" ]; then
	set=data/feed-256
	if [ ! -e "$set" ]; then
		"$duet" data bench "$here/../../configs/alexnet.toml" --rounds 1 --set data.path=generated \
			--set data.generated.size=256 --set data.generated.train=4000 --set data.generated.val=0 --set data.packed="$set"
	fi
fi
"$python" "$here/feed.py" "$duet" "$set" "$@"
