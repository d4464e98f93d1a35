# steps.sh: sourced by check.sh and compare.sh. Steps with a limit each; after every step what there is of the results
# is kept, in SCRIPT.txt (a line a step) and SCRIPT.tgz (its logs).
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
results=${1:?where to leave the results}
mkdir -p "$results"
results=$(cd "$results" && pwd)
cd "$here" || exit 1 # the bundle: the programs, and the presets
script=$(basename "$0" .sh)
rm -rf log && mkdir log
began=$(date +%s)
total=${TOTAL:-285} # seconds for all steps together
small=${SMALL:+1}   # tiny sizes, for the simulator
d=${DEVICE:-cuda:0}
failures=0
group= # of the step that runs
: >"$results/$script.txt"

# keep leaves one tar that is whole at any moment.
keep() { tar czf "$results/.$script.tgz" -C "$here" log && mv "$results/.$script.tgz" "$results/$script.tgz"; }

say() { tee -a "$results/$script.txt"; }

# step SECONDS NAME COMMAND...: runs a command with a limit, which what is left of the whole shortens. It has a session
# of its own, so that nothing of it goes on behind its limit.
step() {
	local limit=$1 name=$2 left start code=0
	shift 2
	left=$((total - ($(date +%s) - began)))
	if [ "$left" -lt 5 ]; then
		printf '%-28s not run: no time left\n' "$name" | say
		failures=$((failures + 1))
		return
	fi
	[ "$limit" -gt "$left" ] && limit=$left
	start=$(date +%s.%N)
	setsid timeout -k 5 "$limit" bash -c '"$@"' step "$@" >"log/$name.log" 2>&1 &
	group=$!
	wait $group || code=$?
	kill -9 -- -$group 2>/dev/null
	group=
	case $code in
	0) code=ok ;;
	124 | 137) code="over ${limit} s" failures=$((failures + 1)) ;;
	*) code="status $code" failures=$((failures + 1)) ;;
	esac
	printf '%-28s %-10s %6.1f s  %s\n' "$name" "$code" \
		"$(awk -v a="$start" -v b="$(date +%s.%N)" 'BEGIN { print b - a }')" \
		"$(grep -v '^ok\|^$' "log/$name.log" | tail -n 1 | tr -d '\r' | cut -c1-150)" | say
	[ "$code" = ok ] || tail -n 12 "log/$name.log" | cut -c1-220
	keep
}

# skip NAME WHY
skip() { printf '%-28s not run: %s\n' "$1" "$2" | say; }

finish() {
	keep
	printf '%s failed\n' "$failures" | say
	exit $((failures > 0))
}

stop() {
	[ -z "$group" ] || kill -9 -- -$group 2>/dev/null
	echo "stopped" | say
	keep
	exit 143
}
trap stop TERM INT HUP
