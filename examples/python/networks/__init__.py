"""Five networks that go onto devices: four of MLPerf Tiny (Banbury et al. 2021) and ResNet18, in PyTorch (`in_torch`) and in Keras (`in_keras`)."""
