# Rendered from the site's values; edit those. Debian's Packer 1.6.6 has the plugins built in;
# newer ones install them first:   packer init plugins
#
#   packer build -only=qemu.jbuild .              # from jbuild.qcow2, which make vm-image makes
#   packer build -only=vsphere-clone.jbuild .     # from the template that jbuild.ova was imported as

variable "image" {
  type        = string
  default     = "../jbuild.qcow2"
  description = "Disk image to begin with, for QEMU."
}

variable "accelerator" {
  type        = string
  default     = "kvm"
  description = "Of QEMU: tcg works everywhere and is slow."
}

variable "cpu" {
  type        = string
  default     = "host"
  description = "Of QEMU: max with tcg."
}

variable "output" {
  type        = string
  default     = "output"
  description = "Directory for QEMU's image; must not exist."
}

variable "vsphere_password" {
  type        = string
  default     = ""
  sensitive   = true
  description = "From the environment: PKR_VAR_vsphere_password."
}

variable "vsphere_insecure" {
  type        = bool
  default     = false
  description = "Do not check vCenter's certificate."
}

source "qemu" "jbuild" {
  iso_url          = var.image
  iso_checksum     = "none"
  disk_image       = true
  disk_size        = "8G"
  disk_compression = true
  format           = "qcow2"
  accelerator      = var.accelerator
  headless         = true
  cpus             = 2
  memory           = 4096
  net_device       = "virtio-net"
  disk_interface   = "virtio"
  qemuargs         = [["-cpu", var.cpu]]
  cd_files         = ["${path.root}/seed/user-data", "${path.root}/seed/meta-data"]
  cd_label         = "cidata"
  boot_wait        = "1s"

  ssh_username         = "packer"
  ssh_private_key_file = "${path.root}/build_key"
  ssh_timeout          = "20m"
  shutdown_command     = "sudo sh /tmp/seal.sh packer"
  shutdown_timeout     = "5m"

  output_directory = var.output
  vm_name          = "jbuild.qcow2"
}

source "vsphere-clone" "jbuild" {
  vcenter_server      = "vcenter.example.ac.jp"
  username            = "packer@vsphere.local"
  password            = var.vsphere_password
  insecure_connection = var.vsphere_insecure
  datacenter          = "Campus"
  cluster             = "Compute"
  datastore           = "vsan"
  folder              = "Templates"
  network             = "vm-network"
  template            = "jbuild-base"
  vm_name             = "jbuild-being-made"
  CPUs                = 2
  RAM                 = 4096

  # cloud-init's VMware data source reads these.
  configuration_parameters = {
    "guestinfo.metadata"          = base64encode(file("${path.root}/seed/meta-data"))
    "guestinfo.metadata.encoding" = "base64"
    "guestinfo.userdata"          = base64encode(file("${path.root}/seed/user-data"))
    "guestinfo.userdata.encoding" = "base64"
  }

  ssh_username         = "packer"
  ssh_private_key_file = "${path.root}/build_key"
  ssh_timeout          = "20m"
  shutdown_command     = "sudo sh /tmp/seal.sh packer"
  shutdown_timeout     = "5m"

  content_library_destination {
    library     = "Templates"
    name        = "jbuild"
    description = "Debian with jbuild: a machine for making images"
    cluster     = "Compute"
    datastore   = "vsan"
    ovf         = true
    destroy     = true
  }
}

build {
  sources = ["source.qemu.jbuild", "source.vsphere-clone.jbuild"]

  provisioner "file" {
    sources     = ["${path.root}/seal.sh", "${path.root}/site.sh"]
    destination = "/tmp/"
  }

  # What has changed in Debian since the image was made, then what the site adds.
  provisioner "shell" {
    inline = [
      "cloud-init status --wait",
      "sudo apt-get update -qq",
      "sudo env DEBIAN_FRONTEND=noninteractive apt-get -qq -y full-upgrade",
      "sudo sh -eu /tmp/site.sh",
      "rm /tmp/site.sh",
    ]
  }
}
