mkdir -p t/dir
echo content >t/dir/file
chmod 4711 t/dir/file
ln -s dir/file t/link
ln t/dir/file t/hard
mkfifo t/fifo
options="--sort=name --numeric-owner --owner=5 --group=6 --mtime=@0"
tar $options -cf plain.tar t
tar $options -cf - t | gzip -n >compressed.tar.gz
tar $options -cf - -C t dir | bzip2 >compressed.tar.bz2
tar $options -cf - -C t link | xz >compressed.tar.xz
echo only compressed | gzip -n >not-a-tar.gz
rm -rf t
