#!/bin/bash
# 投入方法: qsub このファイルの名前
#PBS -N cfd
#PBS -q large
#PBS -M taro@example.ac.jp
#PBS -m ae

# ジョブに必要な資源です。制限時間を過ぎると終了させられます。
#PBS -l select=1:ncpus=4:mpiprocs=2+3:ncpus=8:mpiprocs=8
#PBS -l place=scatter
#PBS -l walltime=2:30:00

# 以下のコマンドはすべてこのイメージの中で動きます。
#PBS -l container_image=harbor.example.ac.jp/taro/cfd:2026-11-29

# qsub を実行したディレクトリで始めます。
cd "$PBS_O_WORKDIR" || exit 1

# ここを自分のプログラムに書き換えてください（下の行は動作確認用です）。
mpirun -np 26 hostname
