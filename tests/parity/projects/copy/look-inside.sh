# What a copy left in the container: kinds, modes, owners, sizes, names, links, texts.
docker exec parityid-web-1 sh -c '
  cd /t && find . | sort | xargs ls -ld | tr -s " " | cut -d" " -f1,3,4,5,9-
  find . -type f | sort | xargs cat
'
