#!/bin/sh
# Gives a virtual environment a Python of its own, so that it runs where the image has none; the
# libraries of its modules are those of the recipe `base`.
# usage: own-python.sh DIRECTORY
set -eu
cd "$1"
python=$(readlink -f bin/python3)
version=$(basename "$python")
mkdir -p python/bin python/lib
cp -a "$python" "python/bin/$version"
cp -a "/usr/lib/$version" python/lib/
cd "python/lib/$version"
rm -rf test idlelib tkinter config-*
cd "$1"
ln -sfn "../python/bin/$version" bin/python3
sed -i "s|^home = .*|home = $1/python/bin|; /^executable = /d; /^command = /d" pyvenv.cfg
