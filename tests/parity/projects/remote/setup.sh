# Makes the repository that this project's addresses lead to: `https://git.example/app.git`.
set -e
export GIT_CONFIG_GLOBAL="$PWD/gitconfig"
export GIT_AUTHOR_DATE='2001-01-01T00:00:00Z' GIT_COMMITTER_DATE='2001-01-01T00:00:00Z'
git config --global url."$PWD/".insteadOf https://git.example/
git config --global user.name parity
git config --global user.email parity@git.example
git init --quiet --initial-branch=main app.git
cp -R tree/. app.git
git -C app.git add --all
git -C app.git commit --quiet --message parity
git -C app.git tag --annotate --message parity v1
