# For login shells: what "pip install --user" and venvs put into the home is found.
PATH="$HOME/.local/bin:$PATH"
export PATH
