package recipe

import "testing"

func TestClassify(t *testing.T) {
	for kind, texts := range map[class][]string{
		noise: {
			"ls", "ls -la /opt | grep x | less", "cd /opt", "cd", "cat /etc/os-release", "man ls", "which gcc", "type -a gcc", "history | tail", "clear", "apt search fftw", "apt list --installed 2>/dev/null",
			"apt-cache policy gcc", "dpkg -l | grep gcc", "df -h", "top", "du -sh * | sort -h", "find / -name 'x*' 2>/dev/null", "grep -r x /etc", "python3 --version", "gcc -v", "pip list", "conda env list",
			"git status", "echo $PATH", "echo \"$(ls)\"", "env", "env | sort", "rpm -qa | sort", "sudo ls", "time ls", "# only a remark", "true && echo yes || echo no", "for f in *; do echo $f; done",
			"sed -n 1p /etc/passwd", "awk '{print $1}' x", "pushd /opt", "help cd", "exit", "module avail", "command -v gcc", "ls >/dev/null 2>&1", "if [ -e x ]; then cat x; fi", "tar tf x.tar", "nvidia-smi",
		},
		ordinary: {
			"apt-get install -y gcc", "ls > list", "cat a > b", "cat <<E > x\ny\nE", "echo x | tee y", "find . -name x -delete", "find . -exec rm {} +", "sed -i s/a/b/ x", "awk '{print > \"x\"}' y", "make", "./configure", "tar xf x.tar",
			"ls; touch x", "echo $(touch x)", "git clone https://x", "pip install x", "conda install x", "python3 x.py", "python3 -c 'x'", "bash x.sh", "bash -c 'x'", "sh x", "R -e 'x'", "R CMD INSTALL x", "$cmd", "mv a b", "cd x && make",
			"su -c x", "julia -e 'x'", "sed 's/a/b/w x' y > z", "if true; then touch x; fi", "(touch x)", "((", "dpkg -i x.deb", "systemctl enable x", "export V=$(x)", "eval \"$(x)\"", "ssh host make",
		},
		interactive: {"vim x", "nano /etc/x", "sudo vi x", "bash", "python3", "python3 -q", "R", "ipython", "cat > x", "cat - >> x", "su - me", "ssh host", "tmux", "tmux new -s x", "passwd", "julia", "sqlite3 x.db", "EDITOR=vi visudo"},
		state:       {"V=1", "source x", ". ./x", "conda activate x", "deactivate", "f() { touch x; }", "set -e", "umask 022", "alias x=y", "export V", "declare -A x", "module load gcc", "unset V", "V=1; W=2", "ls; V=1"},
		export:      {"export V=1", "export V=1 W=\"a $V\"", "export V='a b'; export W=2", "export PATH=~/bin:$PATH"},
	} {
		for _, text := range texts {
			if got := classify(parse(text)); got != kind {
				t.Errorf("%s: %d, not %d", text, got, kind)
			}
		}
	}
}

func TestChangesShell(t *testing.T) {
	for text, want := range map[string]bool{
		"make": false, "V=1 make": false, "(V=1; make)": false, "make | read V": false, "echo $(V=1)": false, "cd x && make": false, "alias x=y; make": false,
		"V=1; make": true, "export V=$(make)": true, "eval \"$(make)\"": true, "make && . ./env": true, "if x; then V=1; fi": true, "f() { x; }; make": true, "((i++))": true,
	} {
		if got := changesShell(parse(text)); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}

func TestUnattended(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"apt install gcc", "apt-get install -y gcc"},
		{"apt-get install gcc", "apt-get install -y gcc"},
		{"sudo apt-get -qq install gcc", "apt-get -qq install gcc"},
		{"apt-get install -y gcc", "apt-get install -y gcc"},
		{"apt-get install gcc --yes", "apt-get install gcc --yes"},
		{"sudo -E apt update && sudo apt full-upgrade", "apt-get update && apt-get dist-upgrade -y"},
		{"apt-get -o X=y install gcc", "apt-get -o X=y install -y gcc"},
		{"apt search x", "apt search x"},
		{"dnf install gcc", "dnf install -y gcc"},
		{"yum -y install gcc", "yum -y install gcc"},
		{"zypper in gcc", "zypper in -y gcc"},
		{"conda create -n x python", "conda create -y -n x python"},
		{"conda install -yq x", "conda install -yq x"},
		{"mamba env create -f x.yml", "mamba env create -f x.yml"},
		{"pip uninstall x", "pip uninstall -y x"},
		{"pip install x", "pip install x"},
		{"add-apt-repository ppa:x/y", "add-apt-repository -y ppa:x/y"},
		{"sudo FOO=1 make install", "FOO=1 make install"},
		{"sudo -u me make", "sudo -u me make"},
		{"echo sudo apt install x", "echo sudo apt install x"},
		{"for p in a b; do apt install $p; done", "for p in a b; do apt-get install -y $p; done"},
		{"yes | apt install x", "yes | apt-get install -y x"},
		{"if then", "if then"},
	} {
		if got := unattended(test.text); got != test.want {
			t.Errorf("%s\nbecame %s\nnot    %s", test.text, got, test.want)
		}
	}
}

func TestNeedsBash(t *testing.T) {
	for text, want := range map[string]bool{
		"ls -l": false, "a && b || c": false, "export A=b": false, ". x": false, "[ a = b ]": false, "echo -n x": false, "f() { x; }": false, ": ${A:-b} ${A#x}": false, "read -r x": false, "printf '%s' x": false,
		"source x": true, "[ a == b ]": true, "[[ a ]]": true, "echo {a,b}": true, "x=(1)": true, "cat <<< x": true, "a &> b": true, "a |& b": true, "echo -e x": true, "echo 'a\\tb'": true, "diff <(a) b": true, "echo ${A/x/y}": true,
		"echo ${A:1}": true, "echo $RANDOM": true, "function f { x; }": true, "pushd x": true, "((x++))": true, "echo $'x'": true, "conda activate x": true, "for ((;;)); do x; done": true, "rm **/x": true,
	} {
		if got := needsBash(text); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}
