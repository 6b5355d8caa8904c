"""Weights of `tintype.photo.tone`: written by benchmarks/tone.py fit."""

THRESHOLD = -1.9956
BIAS = 4.2051
# Mean, scale and weight.
TERMS = (
    (0.50982, 0.89788, 3.2431),  # residual 60, relative
    (1.2572, 1.0739, -1.8856),  # residual 90, relative
    (2.4836, 1.2978, 1.101),  # residual 90
    (2.8061, 1.272, -2.0718),  # residual 95
    (1.294, 1.0757, 1.7711),  # green to magenta 80
    (2.0138, 1.1489, -0.74726),  # green to magenta 95
    (2.1957, 1.2797, 0.025588),  # yellow to blue 95
    (0.35162, 0.79353, 1.6136),  # flat residual 60, relative
    (1.0879, 0.99106, 1.539),  # flat residual 90, relative
    (2.6524, 1.2231, -0.2433),  # flat residual 95
    (1.9216, 1.1069, 0.12264),  # flat green to magenta 95
    (2.0188, 1.2187, 2.5253),  # flat yellow to blue 95
    (1.0377, 0.97876, 1.1826),  # step 80, relative
    (1.3778, 1.0331, 2.0679),  # step 90, relative
    (2.9065, 1.1955, 1.7308),  # step 95
    (2.5368, 1.2268, 1.1465),  # tone
    (3.8056, 1.0091, -0.95278),  # chroma 98
    (2.7051, 1.3374, -0.30132),  # tone dark
    (2.5812, 1.2805, 0.66779),  # tone middle
    (2.1379, 1.3058, -0.77118),  # tone light
    (0.2496, 1.2103, 0.55176),  # red dark
    (0.21428, 0.98784, 0.22792),  # red middle
    (0.13096, 0.70363, -0.30501),  # red light
    (-0.50538, 1.1237, 0.16488),  # blue dark
    (-0.51728, 1.0234, 0.64543),  # blue middle
    (-0.39535, 0.86321, 0.09846),  # blue light
    (2.8682, 1.6169, 1.258),  # lightness dark
    (8.6118, 2.0977, 0.68761),  # lightness light
)
