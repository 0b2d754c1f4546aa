mkdir -p dir/empty dir/private
chmod 700 dir/private
echo secret >dir/private/file
chmod 750 dir/a
ln -s a dir/link
ln -s /etc/passwd dir/absolute
ln -s nowhere dir/dangling
