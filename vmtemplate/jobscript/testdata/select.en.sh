#!/bin/bash
# Submit this with: qsub FILE (the name of this file)
#PBS -N cfd
#PBS -q large
#PBS -M taro@example.ac.jp
#PBS -m ae

# What the job needs. It is ended when the time is over.
#PBS -l select=1:ncpus=4:mpiprocs=2+3:ncpus=8:mpiprocs=8
#PBS -l place=scatter
#PBS -l walltime=2:30:00

# The image in which everything below runs.
#PBS -l container_image=harbor.example.ac.jp/taro/cfd:2026-11-29

# Begin in the directory where qsub was typed.
cd "$PBS_O_WORKDIR" || exit 1

# Put your own program here; this line only shows that it works.
mpirun -np 26 hostname
