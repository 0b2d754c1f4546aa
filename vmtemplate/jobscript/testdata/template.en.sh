#!/bin/bash
#PBS -N cfd
#PBS -P project
#PBS -l select=2:ncpus=4:mpiprocs=4
#PBS -l container_image=harbor.example.ac.jp/taro/cfd:2026-11-29
# Put your own program here; this line only shows that it works.
cd "$PBS_O_WORKDIR"
mpirun -np 8 hostname # 8 processes
