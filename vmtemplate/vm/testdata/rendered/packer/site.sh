# Runs as root in the machine that Packer makes: what your site adds to every machine, such
# as a monitoring agent. What goes in here stays in the image, for everybody to read.
