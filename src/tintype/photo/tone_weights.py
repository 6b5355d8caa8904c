"""Weights of `tintype.photo.tone`: written by benchmarks/tone.py fit."""

THRESHOLD = -0.6854
BIAS = 0.88287
# Mean, scale and weight.
TERMS = (
    (0.16306, 0.52004, 1.3955),  # residual 60, relative
    (0.91543, 0.64528, -2.6802),  # residual 90, relative
    (2.1553, 0.7073, -0.37304),  # residual 90
    (2.4922, 0.74959, 0.049895),  # residual 95
    (0.95008, 0.57385, 2.2196),  # green to magenta 80
    (1.6753, 0.67602, -0.030304),  # green to magenta 95
    (1.8835, 0.80693, -1.6587),  # yellow to blue 95
    (0.042332, 0.45342, 2.5337),  # flat residual 60, relative
    (0.76105, 0.59632, 3.0082),  # flat residual 90, relative
    (2.3469, 0.7501, -1.4338),  # flat residual 95
    (1.6068, 0.6652, -2.7139),  # flat green to magenta 95
    (1.7031, 0.80144, 2.8671),  # flat yellow to blue 95
    (-0.03491, 0.40108, -2.2919),  # wavy residual 60, relative
    (0.70104, 0.54703, 0.55855),  # wavy residual 90, relative
    (2.3128, 0.72574, -1.5229),  # wavy residual 95
    (1.5696, 0.65253, 2.2177),  # wavy green to magenta 95
    (1.659, 0.76876, 0.72372),  # wavy yellow to blue 95
    (0.6644, 0.58192, 1.0564),  # across 60
    (1.0597, 0.61603, 2.7104),  # across 80
    (1.6674, 0.68177, 0.28984),  # across 95
    (0.51986, 0.53627, -1.4364),  # wavy across 60
    (0.92804, 0.57714, -0.18049),  # wavy across 80
    (1.5805, 0.66028, 0.39085),  # wavy across 95
    (0.5161, 0.6597, 3.1236),  # off the hue 60
    (1.0218, 0.71339, -1.0145),  # off the hue 80
    (1.7357, 0.80508, 2.1845),  # off the hue 95
    (0.3554, 0.58707, -1.751),  # wavy off the hue 60
    (0.85719, 0.65914, -1.2709),  # wavy off the hue 80
    (1.6063, 0.77185, -2.1332),  # wavy off the hue 95
    (0.19538, 0.53104, -0.95143),  # middle residual 60, relative
    (0.91005, 0.68773, -0.093297),  # middle residual 90, relative
    (0.025651, 0.44283, -0.38386),  # middle wavy residual 60, relative
    (0.73979, 0.61983, 1.304),  # middle wavy residual 90, relative
    (0.079204, 0.5035, -0.31201),  # block 30, relative
    (0.30971, 0.53395, -0.66361),  # block 50, relative
    (0.55928, 0.57729, 2.185),  # block 70, relative
    (0.73337, 0.55757, -0.3572),  # step 80, relative
    (1.0746, 0.61541, 1.9858),  # step 90, relative
    (2.6185, 0.71527, -0.16448),  # step 95
    (2.5738, 1.1213, -0.30035),  # tone
    (3.6638, 0.69073, -0.43591),  # chroma 98
    (2.7796, 1.2038, 0.31493),  # tone dark
    (2.5881, 1.1612, 1.5732),  # tone middle
    (2.243, 1.1775, -0.27446),  # tone light
    (0.27621, 1.2136, 0.071279),  # red dark
    (0.22152, 1.0032, 0.83386),  # red middle
    (0.16378, 0.73038, -0.68705),  # red light
    (-0.42336, 1.1818, -0.34864),  # blue dark
    (-0.45401, 1.0241, 0.8664),  # blue middle
    (-0.38837, 0.80734, 0.13105),  # blue light
    (3.0176, 1.6999, 1.6209),  # lightness dark
    (8.6196, 2.1848, 0.54673),  # lightness light
)
