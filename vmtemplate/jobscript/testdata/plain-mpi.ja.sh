#!/bin/bash
# 投入方法: qsub このファイルの名前
#PBS -N cfd

# ジョブに必要な資源です。制限時間を過ぎると終了させられます。
#PBS -l select=2:ncpus=4:mpiprocs=4
#PBS -l place=scatter
#PBS -l walltime=01:00:00

# qsub を実行したディレクトリで始めます。
# 「jrun イメージ名」に続くコマンドがイメージの中で動きます。
cd "$PBS_O_WORKDIR" || exit 1

# ここを自分のプログラムに書き換えてください（下の行は動作確認用です）。
mpirun -np 8 jrun harbor.example.ac.jp/taro/cfd:2026-11-29 hostname
