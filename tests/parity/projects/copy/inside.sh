# What the container holds before a copy.
exec docker exec parityid-web-1 sh -ec '
  mkdir -p /t/dir /s/deep
  echo x > /t/file; echo one > /s/a; echo two > /s/deep/b
  chmod 750 /s/deep
  ln -s a /s/link; ln -s deep /s/dirlink
  ln -s /t/dir /t/dirlink; ln -s file /t/filelink; ln -s nowhere /t/broken
  chmod 4755 /s/a
  touch -d "2020-02-03 04:05:06" /s/a /s/deep
  ln /s/a /s/again; mkfifo /s/pipe
'
