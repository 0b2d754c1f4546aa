package secret

import (
	"strings"
	"testing"
)

func TestInCommand(t *testing.T) {
	for _, test := range []struct{ name, command, want string }{
		{"export", "export GITHUB_TOKEN=s3cr3tvalue", "export GITHUB_TOKEN=REDACTED"},
		{"quoted", `export DB_PASSWORD="s3cr3t value"`, `export DB_PASSWORD="REDACTED"`},
		{"only for one command", "WANDB_API_KEY=s3cr3tvalue python3 train.py", "WANDB_API_KEY=REDACTED python3 train.py"},
		{"option", "huggingface-cli login --token s3cr3tvalue", "huggingface-cli login --token REDACTED"},
		{"option with equals sign", "wget --http-password=s3cr3tvalue https://x", "wget --http-password=REDACTED https://x"},
		{"url", "git clone https://me:s3cr3tvalue@git.example.jp/x.git", "git clone https://me:REDACTED@git.example.jp/x.git"},
		{"token as name in a url", "pip install git+https://0123456789abcdef0123@github.com/x/y", "pip install git+https://REDACTED@github.com/x/y"},
		{"curl", "curl -u me:s3cr3tvalue https://x", "curl -u me:REDACTED https://x"},
		{"curl attached", "curl -ume:s3cr3tvalue https://x", "curl -ume:REDACTED https://x"},
		{"header", `curl -H "Authorization: Bearer s3cr3tvalue" https://x`, `curl -H "Authorization: Bearer REDACTED" https://x`},
		{"private token header", `curl --header 'PRIVATE-TOKEN: s3cr3tvalue' https://x`, `curl --header 'PRIVATE-TOKEN: REDACTED' https://x`},
		{"mysql", "mysql -uroot -ps3cr3tvalue -h db", "mysql -uroot -pREDACTED -h db"},
		{"docker login", "docker login -u me -p s3cr3tvalue harbor.example.jp", "docker login -u me -p REDACTED harbor.example.jp"},
		{"sudo docker login", "sudo docker login -u me -p s3cr3tvalue harbor.example.jp", "sudo docker login -u me -p REDACTED harbor.example.jp"},
		{"piped", "echo s3cr3tvalue | docker login -u me --password-stdin", "echo REDACTED | docker login -u me --password-stdin"},
		{"sudo -S", "echo s3cr3tvalue | sudo -S apt-get update", "echo REDACTED | sudo -S apt-get update"},
		{"chpasswd", "echo 'me:s3cr3tvalue' | chpasswd", "echo 'REDACTED' | chpasswd"},
		{"here-document", "cat > ~/.netrc <<EOF\nmachine x login me s3cr3tvalue\nEOF\nls", "cat > ~/.netrc <<EOF\nREDACTED\nEOF\nls"},
		{"tee", "echo 'host:1:db:me:s3cr3tvalue' | tee -a $HOME/.pgpass", "echo 'REDACTED' | tee -a $HOME/.pgpass"},
		{"sshpass", "sshpass -p s3cr3tvalue scp a b:", "sshpass -p REDACTED scp a b:"},
		{"aws", "aws configure set aws_secret_access_key s3cr3tvalue", "aws configure set aws_secret_access_key REDACTED"},
		{"wandb", "wandb login s3cr3tvalue", "wandb login REDACTED"},
		{"npm", "npm config set //r.example.jp/:_authToken s3cr3tvalue", "npm config set //r.example.jp/:_authToken REDACTED"},
		{"openssl", "openssl enc -d -pass pass:s3cr3tvalue -in x", "openssl enc -d -pass pass:REDACTED -in x"},
		{"python", `python3 -c "import os; os.environ['HF_TOKEN'] = 's3cr3tvalue'"`, `python3 -c "import os; os.environ['HF_TOKEN'] = 'REDACTED'"`},
		{"R", `Rscript -e 'Sys.setenv(GITHUB_PAT="s3cr3tvalue")'`, `Rscript -e 'Sys.setenv(GITHUB_PAT="REDACTED")'`},
		{"json", `echo '{"username":"me","key":"x","api_key": "s3cr3tvalue"}' > c.json`, `echo '{"username":"me","key":"x","api_key": "REDACTED"}' > c.json`},
		{"build argument", "docker build --build-arg NPM_TOKEN=s3cr3tvalue .", "docker build --build-arg NPM_TOKEN=REDACTED ."},
		{"robot", "crane auth login -u 'robot$ci' -p abcdefghijABCDEFGHIJ0123456789AB x", "crane auth login -u 'robot$ci' -p REDACTED x"},
		{"aws id", "echo " + "AKIA" + "IOSFODNN7EXAMPLA", "echo REDACTED"},
		{"github", "x ghp_" + strings.Repeat("aB3d", 9), "x REDACTED"},
		{"pem", "echo '-----BEGIN RSA PRIVATE KEY-----\nMIIs3cr3tvalue\n-----END RSA PRIVATE KEY-----' > k", "echo 'REDACTED' > k"},
		{"in quotes", `alias up='curl -u me:s3cr3tvalue https://x'`, `alias up='curl -u me:REDACTED https://x'`},
		{"in quotes of quotes", `ssh x "sh -c 'mysql -ps3cr3tvalue'"`, `ssh x "sh -c REDACTED"`},
		{"in a command of a shell", `sudo bash -ec 'echo s3cr3tvalue | docker login -u me --password-stdin' && ls`, "sudo bash -ec REDACTED && ls"},
		{"quoted twice", `sh -c 'echo '\''s3cr3tvalue'\'' | chpasswd'`, "sh -c REDACTED"},
		{"in double quotes", `su -c "curl -u \"me:s3cr3tvalue\" https://x" hanako`, "su -c REDACTED hanako"},
		{"eval", `eval "mysql -ps3cr3tvalue"`, "eval REDACTED"},
		{"not to be parsed", "if true; then export MY_SECRET=s3cr3tvalue", "if true; then export MY_SECRET=REDACTED"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, found := InCommand(test.command)
			if !found || got != test.want {
				t.Errorf("found %v:\n%s\nwant\n%s", found, got, test.want)
			}
		})
	}
}

func TestNothingInCommand(t *testing.T) {
	for _, command := range []string{
		"apt-get install -y libpam-pwquality passwd", "pip install tokenizers==0.15 'numpy>=1.2' --no-cache-dir", "export TOKENIZERS_PARALLELISM=false",
		"export PATH=/opt/x/bin:$PATH", `export HF_TOKEN="$TOKEN"`, "export HF_TOKEN=$(cat /run/secrets/hf)", "git clone git@github.com:x/y.git",
		"git clone https://github.com/x/y.git", "git clone ssh://git@example.jp/x", "curl -fsSL https://deb.nodesource.com/setup_20.x | bash -",
		`curl -H "Accept: application/json" https://x`, "mkdir -p /opt/x", "tar xpf a.tar", "cp -p a b", "ssh -p 2222 host", "docker run -p 80:80 x",
		"useradd -m -s /bin/bash me", "passwd -l me", "export SSL_CERT_FILE=/etc/ssl/certs/ca.pem", "./configure --with-password-file=/etc/x --enable-secret",
		"pip install --index-url https://pypi.org/simple torch", "conda create -n myenv python=3.11", "python3 -c 'print(max_tokens=100)'",
		"unzip -P $PW x.zip", "export GPG_KEY=0D96DF4D4110E5C43FBFB17F2D347EA6AA65421D", "echo hello > /opt/readme", "make PREFIX=/usr/local",
		"curl -u $USER:$PASS https://x", "apt-key adv --keyserver keyserver.ubuntu.com --recv-keys 36A1D7869245C8950F966E92D8576A8BA88D21E9",
		"wget https://example.jp/a@b/c.tar.gz", "rsync me@host:/data/x .", "mysql -u root -p db", "pip install keyring secretstorage",
		"cmake -DCMAKE_INSTALL_PREFIX=/opt -DUSE_AUTH=ON ..", "sed -i 's/PasswordAuthentication yes/PasswordAuthentication no/' /etc/ssh/sshd_config",
		"julia -e 'using Pkg; Pkg.add(\"Tokenize\")'", "openssl x509 -in a.pem -noout", "npm install -g @angular/cli@17",
		`sh -c 'apt-get update && apt-get install -y passwd'`, `bash -lc "echo $TOKEN | docker login --password-stdin"`, `eval "$(conda shell.bash hook)"`,
	} {
		if got, found := InCommand(command); found {
			t.Errorf("%s\n  became %s", command, got)
		}
	}
}

func FuzzInCommand(f *testing.F) {
	for _, seed := range []string{"export A_TOKEN=xyz", "curl -u a:b c", "cat >.netrc <<E\nx\nE", "a | b --password-stdin", "x='", "-p", "$(("} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, command string) {
		got, found := InCommand(command)
		if !found && got != command {
			t.Error("the command was changed, and nothing found")
		}
	})
}
