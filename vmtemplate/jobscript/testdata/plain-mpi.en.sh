#!/bin/bash
# Submit this with: qsub FILE (the name of this file)
#PBS -N cfd

# What the job needs. It is ended when the time is over.
#PBS -l select=2:ncpus=4:mpiprocs=4
#PBS -l place=scatter
#PBS -l walltime=01:00:00

# Begin in the directory where qsub was typed. What stands behind
# 'jrun IMAGE' runs in the image.
cd "$PBS_O_WORKDIR" || exit 1

# Put your own program here; this line only shows that it works.
mpirun -np 8 jrun harbor.example.ac.jp/taro/cfd:2026-11-29 hostname
