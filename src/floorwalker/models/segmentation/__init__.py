"""Segmentation: who buys alike.

- `rfm`       quintiles of recency, frequency and monetary value, and what to call each of the 125 cells
- `clusters`  k-means cohorts on the same three figures, k chosen by stability
- `quality`   how good a clustering is: silhouette, stability under resampling, smallest group
- `naming`    names and one-sentence descriptions a merchandiser reads
- `settings`  the `[segmentation]` section of floorwalker.toml
"""
