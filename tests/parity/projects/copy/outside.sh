# What lies here before a copy.
mkdir out out/dir; echo x > out/file
ln -s dir out/dirlink; ln -s file out/filelink; ln -s nowhere out/broken
ln -s a.txt tree/link; ln -s tree treelink; ln -s top.txt toplink
chmod 700 tree/deep; chmod 4711 tree/a.txt; ln tree/a.txt tree/again
touch -d 2020-02-03 tree/a.txt tree/deep out out/dir
chown -h 1234:4321 tree/deep tree/deep/b.txt
